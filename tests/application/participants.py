"""Runs one application of the shop: it handles commands from its saga's log, as in production."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from application.system import system
from domain.money import Money
from domain.order import ShipTo
from domain.reservation import ReservedLine
from sagaline import Application, Command
from sagaline.application.message_handling import handling_of
from sagaline.application.processor import ApplicationProcessor
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import LogWindow
from sagaline.saga.requests import request_class
from sagaline.saga.state import Role
from sagaline.storage import EventRow
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.dead_letters import all_letters
from sagaline.storage.tables.timers import first_dues
from sagaline.system.environment import environment

A = TypeVar("A", bound=Application)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ORDER = UUID("00000000-0000-4000-8000-000000000042")
OTHER = UUID("00000000-0000-4000-8000-000000000043")
SHIP_TO = ShipTo(country="US", postcode="45202")


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def wanted(**lines: int) -> tuple[ReservedLine, ...]:
    return tuple(ReservedLine(sku=sku, quantity=count) for sku, count in lines.items())


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class AtWork(Generic[A]):
    """An application that follows the log of a saga."""

    def __init__(self, application: A, saga: Application, clock: Clock) -> None:
        self.app = application
        self.clock = clock
        self._saga = saga
        self._window = LogWindow(saga.name, saga.recorder, saga.mapper)
        self._log = LogWindow(application.name, application.recorder, application.mapper)
        participant = ApplicationProcessor(application, system.topics[application.name], self._log)
        handling_of(application).calls.pool.patience = 10  # a step has the answers of its ports
        self._follower = Follower(participant, application.datastore, {saga.name: self._window})
        self._follower.register()

    def told(self, *commands: Command, attempt: int = 1) -> list[Any]:
        """Issues commands in one batch; returns the events of the application."""
        before = self.app.recorder.head()
        rows = [self._row(each, attempt) for each in commands]
        with self._saga.datastore.write() as connection:
            self._saga.recorder.append(connection, rows)
        self._window.refresh()
        while self._follower.step():
            pass
        return self.events(before)

    def fired(self) -> list[Any]:
        """Fires the timers that are due; returns the events of the application."""
        before = self.app.recorder.head()
        self._follower.fire(self.clock().timestamp())
        return self.events(before)

    def due(self) -> datetime | None:
        """When the next timer is due."""
        with self.app.datastore.read() as connection:
            due = first_dues(connection).get(self.app.name)
        return None if due is None else datetime.fromtimestamp(due, UTC)

    def events(self, after: int = 0) -> list[Any]:
        """The events of the log after a position. Fails where an event was parked."""
        with self.app.datastore.read() as connection:
            assert [each.error for each in all_letters(connection)] == []
        rows: list[Any] = self.app.recorder.page(after, 1_000).rows
        return [self.app.mapper.to_domain_event(row) for row in rows]

    def _row(self, command: Command, attempt: int) -> EventRow:
        kind: Any = request_class(type(command))
        event = kind(
            originator_id=uuid4(),
            originator_version=1,
            timestamp=self.clock(),
            step="some_step",
            role=Role.DO,
            attempt=attempt,
            command=command,
            answer=None,
        )
        stored = self._saga.mapper.to_stored_event(event)
        return EventRow(
            event.originator_id, 1, stored.topic, stored.state, command.key, "orders:1", 1
        )


@contextmanager
def at_work(cls: type[A], url: str, **ports: Any) -> Iterator[AtWork[A]]:
    env = environment({"SQLALCHEMY_URL": url})
    clock = Clock()
    application: Any = cls(env=env, **ports)
    saga = system.processes[0](env=env)
    try:
        create_tables(application.datastore)
        application.now = clock
        yield AtWork(application, saga, clock)
    finally:
        application.close()
        saga.close()


def names(events: list[Any]) -> list[str]:
    return [type(each).__qualname__ for each in events]
