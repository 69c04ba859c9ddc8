"""Timers: commands that a follower issues to itself at a later time.

They are set and cancelled in the transaction of the batch that decides it, and a timer is deleted
in the transaction that handles it. So a crash neither loses a timer nor fires it twice.
"""

from dataclasses import dataclass
from datetime import timedelta

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command


@dataclass(frozen=True)
class SetTimer:
    """Issues `command` to this follower after `after`; the same `id` replaces an earlier timer."""

    id: str
    after: timedelta
    command: Command

    def __post_init__(self) -> None:
        """Refuses a time that is no duration, which would fail when the timer is written."""
        if not isinstance(self.after, timedelta):
            raise DefinitionError(
                where=f"SetTimer({self.id!r})",
                problem=f"its after is {self.after!r}",
                cure="Give a timedelta, as in minutes(5).",
            )


@dataclass(frozen=True)
class CancelTimer:
    """Cancels the timer of this `id`, if there is one."""

    id: str


TimerChange = SetTimer | CancelTimer


class RetryTimer(Command):
    """The pause before a retry has ended.

    It fires when it is due, even while its follower lags: no event that the follower has yet to
    read makes a retry wrong. Otherwise retries would come too late under load.
    """
