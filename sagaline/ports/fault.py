"""The answer of a port that has not answered."""

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


def answer_at(place: int, answer: Any) -> Any:
    """What a call for several commands answers to one; a fault of the call is one for each."""
    if isinstance(answer, PortFault):
        return answer
    found = answer[place]
    return PortFault.of(found) if isinstance(found, BaseException) else found
