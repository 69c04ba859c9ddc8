"""The answer of a port that has not answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sagaline.errors import describe_error


@dataclass(frozen=True)
class PortFault:
    """A port call without an answer: whether its effect took place is unknown."""

    reason: str
    error: BaseException | None = field(default=None, compare=False, repr=False)
    """What the call has raised, for the log."""

    @classmethod
    def of(cls, error: BaseException) -> "PortFault":
        """The fault that a call has raised."""
        return cls(describe_error(error), error)


def split_answer(answer: Any, count: int) -> Sequence[Any]:
    """The `count` answers of one call for several commands; a fault of the call is one for each."""
    if isinstance(answer, PortFault):
        return [answer] * count
    return [PortFault.of(each) if isinstance(each, BaseException) else each for each in answer]
