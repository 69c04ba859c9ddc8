"""One hop, from an event in one log to the events in the next, in the order of the docs."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy.event
from eventsourcing.domain import Aggregate, event
from typing_extensions import override

from sagaline import (
    PIVOT,
    RETRIABLE,
    Application,
    Command,
    Journal,
    Retry,
    Runner,
    Saga,
    SetTimer,
    System,
    handles,
    minutes,
    step,
)
from sagaline.followers.follower import Follower
from sagaline.messaging.timers import CancelTimer
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.engine import SagaEngine
from sagaline.storage.tables.dead_letters import all_letters
from sagaline.storage.tables.timers import due_timers
from sagaline.testing import happened
from tests.sagaline.small_system import Clock, until

DOCS = Path(__file__).parents[3] / "docs" / "how-a-saga-runs.md"
LISTED = re.compile(r"^\d+\. \*\*(.+?)\.\*\*", re.MULTILINE)

ANN = UUID("00000000-0000-4000-8000-00000000000a")
BOB = UUID("00000000-0000-4000-8000-00000000000b")

heard: list[str] = []
"""What happened in a hop, in order, as the system below and the database report it."""


class Visit(Aggregate):
    class Begun(Aggregate.Created):
        guest: UUID

    class Seated(Aggregate.Event):
        pass

    @event(Begun)
    def __init__(self, guest: UUID) -> None:
        self.seated = False

    @staticmethod
    @override
    def create_id(guest: UUID) -> UUID:
        return guest

    @event(Seated)
    def sit_down(self) -> None:
        self.seated = True


class Coat(Aggregate):
    class Hung(Aggregate.Created):
        guest: UUID
        hook: int

    class Forgotten(Aggregate.Event):
        pass

    @event(Hung)
    def __init__(self, guest: UUID, hook: int) -> None:
        self.hook = hook

    @staticmethod
    @override
    def create_id(guest: UUID) -> UUID:
        return uuid5(guest, "coat")

    @event(Forgotten)
    def forget(self) -> None:
        self.hook = 0


class GuestCommand(Command, key="guest"):
    guest: UUID


class Begin(GuestCommand):
    pass


class HangCoat(GuestCommand):
    @override
    def model_post_init(self, context: Any) -> None:
        heard.append("Decode")


class ForgetCoat(GuestCommand):
    pass


class SitDown(GuestCommand):
    near_hook: int


class Hall(Application, aggregates=[Visit]):
    @handles(Begin)
    def begin(self, command: Begin) -> Visit:
        return Visit(guest=command.guest)

    @handles(SitDown)
    def seat(self, command: SitDown) -> None:
        self.repository.get(command.guest).sit_down()


class Cloakroom(Application, aggregates=[Coat]):
    @handles(HangCoat, loads=lambda command: [Coat.create_id(command.guest)])
    def hang(self, command: HangCoat, hook: int) -> Sequence[Coat]:
        heard.append("Handle")
        if command.guest == BOB:
            raise ValueError("a bug, and only Bob meets it")
        self.set_timer(SetTimer(f"closing:{command.guest}", minutes(60), ForgetCoat(guest=ANN)))
        return [Coat(guest=command.guest, hook=hook)]

    @hang.asks
    def find_hook(self, command: HangCoat) -> int:
        heard.append("Call")
        return 7

    @handles(ForgetCoat)
    def forget(self, command: ForgetCoat) -> None:
        self.repository.get(Coat.create_id(command.guest)).forget()


class Evening(Saga, starts_on=Visit.Begun, key=lambda event: event.guest):
    @step(done=Coat.Hung, kind=PIVOT, within=minutes(5), retry=Retry(3))
    def hang_coat(self) -> HangCoat:
        return HangCoat(guest=self.key)

    @step(done=Visit.Seated, kind=RETRIABLE, within=minutes(1))
    def sit_down(self) -> SitDown:
        return SitDown(guest=self.key, near_hook=self[Coat.Hung].hook)


system = System("one evening", applications=[Hall, Cloakroom], sagas=[Evening])

STATEMENTS = {
    "Poll": "SELECT .* FROM evening_events",
    "Load": "SELECT .* FROM cloakroom_events WHERE originator_id IN",
    "Fence": r"UPDATE followers SET fence = fence \+ 1 .* AND fence = ",
    "Move": "UPDATE positions",
    "Append": "INSERT INTO cloakroom_events",
    "Set": "INSERT INTO timers",
    "Park": "INSERT INTO dead_letters",
    "Commit": "COMMIT",
}
"""The SQL statement of each part of a hop."""

UNHEARD = ("Select", "Set aside", "Share")
"""The parts of a hop that happen in memory alone."""

EVER = 1e12
"""Seconds since 1970: all timers are due by then."""


def listed(heading: str) -> list[str]:
    """The items of a numbered list of the docs."""
    _, _, section = DOCS.read_text("utf-8").partition(f"## {heading}\n")
    return LISTED.findall(section.partition("\n## ")[0])


@contextmanager
def runner_on(url: str, clock: Clock, *only: str) -> Iterator[Runner]:
    runner = Runner(system, {"SQLALCHEMY_URL": url}, only=only, now=clock)
    try:
        yield runner
    finally:
        runner.stop()


def followers_of(runner: Runner) -> dict[str, Follower]:
    return {each.name: each for each in runner.followers}


def turn(runner: Runner, *names: str) -> None:
    """Each of these followers handles one batch, one after another."""
    for name in names:
        follower = followers_of(runner)[name]
        for window in follower.leaders.values():
            window.refresh()
        follower.step()


@contextmanager
def overheard(runner: Runner) -> Iterator[None]:
    """Records the statements of the runner's thread, and what is in memory at a commit."""
    window = runner.windows["Cloakroom"]

    def hear(sql: str) -> None:
        if threading.current_thread().name != system.name:
            return
        for what, pattern in STATEMENTS.items():
            if re.match(pattern, sql):
                heard.append(f"{what}, with {window.head} shared" if window.head else what)

    def listen(connection: sqlalchemy.Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        raw.set_trace_callback(hear)

    engine = runner.views.engine
    sqlalchemy.event.listen(engine, "begin", listen)
    try:
        yield
    finally:
        sqlalchemy.event.remove(engine, "begin", listen)


def hop() -> list[str]:
    """The parts of the batch, from the last read before it up to its commit."""
    handled = heard.index("Handle")
    polled = max(place for place, what in enumerate(heard[:handled]) if what == "Poll")
    return heard[polled : heard.index("Commit", handled) + 1]


def test_a_hop_has_the_order_of_the_docs(sqlite_store: str) -> None:
    clock = Clock()
    with runner_on(sqlite_store, clock) as first:
        first.get(Hall).begin(Begin(guest=BOB))
        turn(first, "Evening", "Cloakroom")
        # Bob's command is parked by now. It is issued again, and Ann's comes after it.
        clock.turn(minutes(6))
        followers_of(first)["Evening"].fire(clock().timestamp())
        first.get(Hall).begin(Begin(guest=ANN))
        turn(first, "Evening")
    heard.clear()
    with runner_on(sqlite_store, clock, "Cloakroom") as second, overheard(second):
        window = second.windows["Cloakroom"]
        second.start()
        until(lambda: window.head > 0)
        with second.views.read() as connection:
            parked = [(each.key, each.attempts) for each in all_letters(connection)]
            timers = [each.id for each in due_timers(connection, "Cloakroom", EVER, 10)]
    # Select and Set aside show in the rest: of two commands one is decoded and handled.
    # The window had none of the new events when the database committed, so Share comes after it.
    assert hop() == [each for each in listed("One hop") if each not in UNHEARD]
    assert parked == [(str(BOB), 3), (str(BOB), 0)]
    assert timers == [f"closing:{ANN}"]


def test_an_answer_is_applied_before_the_next_command_is_issued_and_recorded_with_it() -> None:
    begun: Any = happened(Visit.Begun, guest=ANN).to_event(Visit, ANN, 1)
    hung: Any = happened(Coat.Hung, guest=ANN, hook=7).to_event(Coat, Coat.create_id(ANN), 1)
    journal = Journal.start(
        "Evening",
        str(ANN),
        begun,
        saga_declaration(Evening).fingerprint,
        saga_declaration(Evening).steps,
    )
    course = SagaEngine(Evening, journal, {})
    course.start()
    course.handle_answer(hung)
    *_, request = journal.collect_events()
    assert isinstance(request, Journal.Requested)
    assert request.answer is not None
    assert (request.answer.event, request.command) == (
        hung,
        SitDown(id=request.command.id, guest=ANN, near_hook=7),
    )
    assert [(type(each), each.id) for each in course.timers] == [
        (SetTimer, f"{ANN}:hang_coat:timeout"),
        (CancelTimer, f"{ANN}:hang_coat:timeout"),
        (SetTimer, f"{ANN}:sit_down:timeout"),
    ]
