"""How many of the items of a step must be done, and how many run at the same time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import named
from sagaline.saga.group import Group


@dataclass(frozen=True)
class Need:
    """How many items must be done: with fewer, the step is refused and the saga compensates."""

    least: int | None
    """None for all of them."""
    enough: bool = False
    """No further item is requested once so many are done."""

    def of(self, items: int) -> int:
        """How many of so many items must be done."""
        return items if self.least is None else self.least

    def __str__(self) -> str:
        if self.least is None:
            return "all"
        return f"{'the first' if self.enough else 'at least'} {self.least}"


ALL: Final = Need(None)
"""Every item must be done."""

ANY: Final = Need(0)
"""The saga goes on however many are done: what failed can be read from the step."""


def at_least(number: int) -> Need:
    """So many items must be done; all of them are requested."""
    return Need(counted(number, "at_least"))


def first(number: int = 1) -> Need:
    """So many items must be done; the others are requested only in place of those that fail."""
    return Need(counted(number, "first"), enough=True)


@dataclass(frozen=True)
class FanOut:
    """The items of a step, how many of them must be done, and how many run at the same time."""

    items: Callable[[Any], Iterable[Any]]
    need: Need
    at_once: int | None

    def may_lose_one(self, group: Group) -> bool:
        """Whether one more item may fail."""
        return group.items - group.failed > self.need.of(group.items)

    def room(self, group: Group) -> int:
        """How many further items are to be requested now."""
        room = group.items - group.asked
        if self.need.enough:
            room = min(room, self.need.of(group.items) - group.done - group.hopeful)
        if self.at_once is not None:
            room = min(room, self.at_once - group.open)
        return max(0, room)


def counted(number: Any, where: str) -> int:
    """The number, where it is one of items. Raises DefinitionError."""
    if type(number) is int and number > 0:
        return number
    raise DefinitionError(
        where=where, problem=f"{named(number)} is no number of items", cure="Write 1 or more."
    )
