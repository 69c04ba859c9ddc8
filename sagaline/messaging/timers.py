"""Timers: commands that a follower issues to itself at a later time.

They are set and cancelled in the transaction of the batch that decides it, and a timer is deleted
in the transaction that handles it. So a crash neither loses a timer nor fires it twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_no_moment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SetTimer:
    """Issues `command` to this follower after `after`; the same `id` replaces an earlier timer.

    With `until`, an aware datetime, it is issued at that moment where that is earlier.
    """

    id: str
    after: timedelta
    command: Command
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuses what would fail when the timer is written, or when it fires."""
        where = f"SetTimer({self.id!r})"
        _check_id(where, self.id)
        if not isinstance(self.after, timedelta):
            raise DefinitionError(
                where=where,
                problem=f"its after is {self.after!r}",
                cure="Give a timedelta, as in minutes(5).",
            )
        if not isinstance(self.command, Command):
            raise DefinitionError(
                where=where,
                problem=f"{named(self.command)} is no command",
                cure="Give the command to issue, as in PayOrder(order_id=...).",
            )
        if self.until is not None:
            refuse_no_moment(self.until, f"{where}: until=")

    def delay(self, now: datetime) -> timedelta:
        """How long after `now` the timer is due; not below zero for a moment that is past."""
        if self.until is None:
            return self.after
        # By way of an epoch: two moments of one zone would be subtracted as its clocks show them.
        left = (self.until - _EPOCH) - (now - _EPOCH)
        return min(self.after, max(left, timedelta(0)))


@dataclass(frozen=True)
class CancelTimer:
    """Cancels the timer of this `id`, if there is one."""

    id: str

    def __post_init__(self) -> None:
        """Refuses what is the id of no timer."""
        _check_id(f"CancelTimer({self.id!r})", self.id)


def _check_id(where: str, id: object) -> None:
    if not isinstance(id, str) or not id:
        problem = "its id is no text, or it is empty"
        raise DefinitionError(where=where, problem=problem, cure="Give a text, as in 'settle:1'.")


TimerChange = SetTimer | CancelTimer


class RetryTimer(Command):
    """The pause before a retry has ended.

    It fires when it is due, even while its follower lags: no event that the follower has yet to
    read makes a retry wrong. Otherwise retries would come too late under load.
    """
