"""An office that writes a report every night: a saga that starts by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from eventsourcing.domain import Aggregate, event

from sagaline import (
    ALL,
    NO_EFFECT,
    ONCE,
    Application,
    Command,
    Runner,
    Saga,
    ScheduledStart,
    System,
    handles,
    schedule,
    step,
)
from sagaline.saga.schedule import Schedule
from sagaline.storage.tables.timers import TimerRow, due_timers
from tests.sagaline.small_system import Clock, env, letters

BERLIN = ZoneInfo("Europe/Berlin")

_number = count()


class Report(Aggregate):
    class Written(Aggregate.Created):
        night: str

    class Wanted(Aggregate.Event):
        night: str

    @event(Written)
    def __init__(self, night: str) -> None: ...

    @staticmethod
    def create_id(night: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"report of {night}")


class WriteReport(Command, key="report"):
    report: str
    night: str


class Office(Application, aggregates=[Report]):
    @handles(WriteReport)
    def write(self, command: WriteReport) -> Report:
        return Report(command.night)


def nightly(starts_on: Any, key: Any = None, again: bool = False) -> type[Saga]:
    """The saga of the report, on this schedule."""

    class NightlyReport(Saga, starts_on=starts_on, key=key, again=again, name="NightlyReport"):
        __qualname__ = f"NightlyReport{next(_number)}"  # each class has a topic of its own

        @step(done=Report.Written, kind=NO_EFFECT)
        def write_report(self) -> WriteReport:
            return WriteReport(report=self.key, night=self[ScheduledStart].key)

    return NightlyReport


AT_TWO = schedule("0 2 * * *", zone="Europe/Berlin", missed=ONCE)

system = System("office", applications=[Office], sagas=[nightly(AT_TWO)])
EACH_HOUR = schedule("0 * * * *", missed=ALL)
hourly = System("office", applications=[Office], sagas=[nightly(EACH_HOUR)])


def system_on(schedule: Schedule, **arguments: Any) -> System:
    return System("office", applications=[Office], sagas=[nightly(schedule, **arguments)])


def berlin(text: str) -> datetime:
    """A local time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


class Night:
    """The office on a store, with a clock that the test turns."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.runner = runner
        self.clock = clock

    def pass_until(self, moment: datetime) -> None:
        """Lets each timer fire when it is due, up to a moment."""
        while (due := self._next_due()) is not None and due <= moment.timestamp():
            self.clock.moment = max(datetime.fromtimestamp(due, BERLIN), self.clock.moment)
            self.runner.settle()
        self.clock.moment = moment
        self.runner.settle()

    @property
    def reports(self) -> list[str]:
        """The nights of the reports that were written, in their order."""
        office: Any = self.runner.get(Office)
        rows = office.recorder.page(0, 10_000).rows
        return [office.mapper.to_domain_event(row).night for row in rows]

    @property
    def timers(self) -> list[TimerRow]:
        with self.runner.views.read() as connection:
            return due_timers(connection, "NightlyReport", 1e12, 1_000)

    @property
    def next_at(self) -> str:
        """The due time that comes next."""
        (timer,) = self.timers
        return datetime.fromtimestamp(timer.due_at, BERLIN).isoformat(timespec="minutes")

    def _next_due(self) -> float | None:
        return min((each.due_at for each in self.timers), default=None)

    def refuse_letters(self) -> None:
        assert letters(self.runner) == []


@contextmanager
def office_on(url: str, now: datetime, of: System = system) -> Iterator[Night]:
    clock = Clock()
    clock.moment = now
    with Runner(of, env(url), now=clock) as runner:
        yield Night(runner, clock)
        runner.settle()
        assert letters(runner) == []
