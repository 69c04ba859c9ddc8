"""A saga's command may name another's key: its fault comes back to the saga that gave it."""

from datetime import timedelta
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event
from eventsourcing.utils import EnvType

from sagaline import (
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    Retry,
    Runner,
    Saga,
    System,
    handles,
    on_compensated,
    on_completed,
    step,
)
from sagaline.application.saga_process import SagaProcess
from sagaline.saga.instance import Journal, journal_id
from tests.sagaline.small_system import env

PARENT, CHILD = UUID(int=1), UUID(int=2)
SOON = timedelta(milliseconds=1)


class Booking(Aggregate):
    class Opened(Aggregate.Created):
        lines: tuple[UUID, ...]

    class Told(Aggregate.Event):
        line: UUID

    @event(Opened)
    def __init__(self, id: UUID, lines: tuple[UUID, ...]) -> None: ...


class Line(Aggregate):
    class Opened(Aggregate.Created):
        parent: UUID
        good: bool

    class Booked(Aggregate.Event): ...

    class Refused(Aggregate.Event): ...

    @event(Opened)
    def __init__(self, id: UUID, parent: UUID, good: bool) -> None:
        self.good = good


class OpenBooking(Command, key="booking"):
    booking: UUID


class Wait(Command, key="booking"):
    booking: UUID


class OpenLine(Command, key="line"):
    line: UUID
    parent: UUID
    good: bool


class BookLine(Command, key="line"):
    line: UUID


class TellParent(Command, key="parent"):
    parent: UUID
    line: UUID


class Bookings(Application, aggregates=[Booking]):
    """Hears of lines by way of a port that does not answer at once."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self.failures = 0
        self.asked: list[UUID] = []

    @handles(OpenBooking)
    def open(self, command: OpenBooking) -> Booking:
        return Booking(id=command.booking, lines=(CHILD,))

    @handles(Wait)
    def wait(self, command: Wait) -> None: ...

    @handles(TellParent)
    def tell(self, command: TellParent, answer: str) -> None:
        booking: Booking = self.repository.get(command.parent)
        booking.trigger_event(Booking.Told, line=command.line)

    @tell.asks
    def ask(self, command: TellParent) -> str:
        self.asked.append(command.id)
        if len(self.asked) <= self.failures:
            raise ConnectionError("the line is down")
        return "told"


class Lines(Application, aggregates=[Line]):
    @handles(OpenLine)
    def open(self, command: OpenLine) -> Line:
        return Line(id=command.line, parent=command.parent, good=command.good)

    @handles(BookLine)
    def book(self, command: BookLine) -> None:
        line: Line = self.repository.get(command.line)
        line.trigger_event(Line.Booked if line.good else Line.Refused)


class Parent(Saga, starts_on=Booking.Opened, key=lambda event: event.originator_id):
    wait = step(Wait, done=Booking.Told, kind=NO_EFFECT)


class Child(Saga, starts_on=Line.Opened, key=lambda event: event.originator_id):
    book = step(BookLine, done=Line.Booked, refused=Line.Refused, kind=PIVOT)

    @on_completed(retry=Retry(3, first=SOON))
    def tell(self) -> TellParent:
        return TellParent(parent=self[Line.Opened].parent, line=self.key)

    @on_compensated(retry=Retry(3, first=SOON))
    def tell_too(self) -> TellParent:
        return TellParent(parent=self[Line.Opened].parent, line=self.key)


class Nested(Saga, starts_on=Line.Opened, key=lambda event: event.originator_id):
    """As Child, with a step whose command names the parent."""

    @step(done=Line.Booked, kind=PIVOT, retry=Retry(3, first=SOON))
    def tell(self) -> TellParent:
        return TellParent(parent=self[Line.Opened].parent, line=self.key)


def bookings(url: str, child: type[Saga], failures: int, good: bool = True) -> tuple[Bookings, str]:
    """The bookings after a line of one was booked, and the state of the child's saga."""
    system = System("bookings", applications=[Bookings, Lines], sagas=[Parent, child])
    with Runner(system, env(url)) as runner:
        found: Bookings = runner.get(Bookings)
        found.failures = failures
        found.open(OpenBooking(booking=PARENT))
        runner.settle()
        runner.get(Lines).open(OpenLine(line=CHILD, parent=PARENT, good=good))
        runner.settle()
        process: SagaProcess = runner.get(system.processes[1])
        (journal,) = process.repository.find(Journal, [journal_id(process.name, str(CHILD))])
        assert journal is not None
        return found, journal.state.value


@pytest.mark.parametrize("good", [True, False], ids=["completed", "compensated"])
@pytest.mark.parametrize("failures", [1, 2])
def test_a_closing_command_that_names_another_is_tried_again(
    store_url: str, failures: int, good: bool
) -> None:
    found, state = bookings(store_url, Child, failures, good)
    assert (state, len(found.asked), len(set(found.asked))) == (
        "completed" if good else "compensated", failures + 1, 1,
    )  # fmt: skip


def test_a_closing_command_without_attempts_left_parks_its_own_saga(store_url: str) -> None:
    found, state = bookings(store_url, Child, 3)
    assert (state, len(found.asked)) == ("parked", 3)


def test_a_step_that_names_another_is_tried_again(store_url: str) -> None:
    found, _ = bookings(store_url, Nested, 1)
    assert len(found.asked) == 2
