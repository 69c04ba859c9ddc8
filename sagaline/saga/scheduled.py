"""What starts a saga on a schedule: the timer of the schedule, and the event of one due time."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import DomainEvent

from sagaline.errors import WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.ids import new_id
from sagaline.messaging.topics import fix_topic

SCHEDULE_TIMER: Final = "schedule"
"""The id of the timer of a saga's schedule."""


@dataclass(frozen=True)
class ScheduledStart(DomainEvent):
    """A due time of a schedule, which starts a saga; `at` has the offset of its zone then."""

    originator_id: UUID = field(default_factory=new_id)
    originator_version: int = 1
    timestamp: datetime = field(default_factory=DomainEvent.create_timestamp)
    at: datetime = field(kw_only=True)

    def __post_init__(self) -> None:
        """Keeps the offset of a zone in place of the zone, as stores do. Raises WrongCall."""
        at: object = self.at
        if not isinstance(at, datetime) or at.utcoffset() is None:
            cure = "Give a time with a zone, as in datetime(2026, 11, 30, 2, tzinfo=UTC)."
            problem = f"its at is {self.at!r}"
            raise WrongCall(where="ScheduledStart", problem=problem, cure=cure)
        object.__setattr__(self, "at", datetime.fromisoformat(self.at.isoformat()))

    @property
    def key(self) -> str:
        """The due time as the key of an instance: ``2026-11-30T02:00+01:00``."""
        return self.at.isoformat(timespec="seconds" if self.at.second else "minutes")


class ScheduleDue(Command):
    """A schedule is due at `at`: its saga starts, and the timer of the next due time is set."""

    expression: str
    zone: str
    at: datetime


class StartDue(Command):
    """A saga starts for the due time `at` of its schedule."""

    at: datetime


for _class in (ScheduledStart, ScheduleDue, StartDue):
    fix_topic(_class, f"sagaline:{_class.__name__}")
