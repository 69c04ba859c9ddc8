"""A thousand calls of a port are under way, and something happens to the store or the process."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import make_url
from typing_extensions import override

from sagaline import (
    PIVOT,
    Application,
    Command,
    CommandFaulted,
    Runner,
    Saga,
    System,
    handles,
    step,
)
from sagaline.errors import RunnerDied, StoreUnusable
from sagaline.storage.tables.port_calls import count_calls
from tests.sagaline.small_system import env, letters, until
from tests.sagaline.storage.stores import outside

THOUSAND = 1_000


class Trip(Aggregate):
    class Opened(Aggregate.Created): ...

    @event(Opened)
    def __init__(self, id: UUID) -> None: ...


class Charge(Aggregate):
    class Taken(Aggregate.Created):
        trip: UUID

    @event(Taken)
    def __init__(self, trip: UUID) -> None: ...


class OpenTrip(Command, key="trip"):
    trip: UUID


class Pay(Command, key="trip"):
    trip: UUID


class Trips(Application, aggregates=[Trip]):
    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> Trip:
        return Trip(command.trip)


class Gateway:
    """Answers no call before it is told to."""

    def __init__(self) -> None:
        self.asked: Counter[UUID] = Counter()
        self.is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    async def capture(self, trip: UUID) -> str:
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        self._waiting.append((loop, answered))
        self.asked[trip] += 1
        if not self.is_open:
            await answered
        return "paid"

    def open(self) -> None:
        self.is_open = True
        for loop, answered in self._waiting:
            loop.call_soon_threadsafe(answered.set_result, None)


class Payments(Application, aggregates=[Charge]):
    gateway: Gateway

    @handles(Pay)
    def pay(self, command: Pay, answer: str) -> Charge:
        return Charge(command.trip)

    @pay.asks(concurrency=THOUSAND)
    async def ask(self, command: Pay) -> str:
        return await self.gateway.capture(command.trip)


class BookTrip(Saga, starts_on=Trip.Opened, key=lambda opened: opened.originator_id):
    pay = step(Pay, done=Charge.Taken, kind=PIVOT)


system = System("trips", applications=[Trips, Payments], sagas=[BookTrip])


@contextmanager
def running(store: str, gateway: Gateway) -> Iterator[Runner]:
    runner = Runner(system, env(store))
    runner.get(Payments).gateway = gateway
    with runner:
        yield runner


def begin_calls(runner: Runner, gateway: Gateway) -> None:
    runner.get(Trips).execute([OpenTrip(trip=uuid4()) for _ in range(THOUSAND)])
    until(lambda: len(gateway.asked) == THOUSAND and under_way(runner) == THOUSAND)


def under_way(runner: Runner) -> int:
    with runner.views.read() as connection:
        return count_calls(connection)


def impatient(store: str) -> str:
    """The URL of a store that waits for a locked file for a moment only."""
    return f"{store}?timeout=0.1" if store.startswith("sqlite") else store


@contextmanager
def gone(store: str) -> Iterator[None]:
    """The store answers nobody: its database is closed, or its file is locked."""
    url = make_url(store)
    if url.get_backend_name() == "sqlite":
        with outside(store) as connection:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
            yield
            connection.exec_driver_sql("ROLLBACK")
        return
    name, administrator = url.database, url.set(database="postgres")
    with outside(administrator.render_as_string(hide_password=False)) as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.exec_driver_sql(cut, (name,))
        yield
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def assert_each_charged_once(runner: Runner) -> None:
    charged = Counter(each.trip for each in charges(runner))
    assert len(charged) == THOUSAND
    assert set(charged.values()) == {1}
    assert (under_way(runner), letters(runner)) == (0, [])


def charges(runner: Runner) -> Iterator[Any]:
    payments = runner.get(Payments)
    for each in payments.recorder.select_notifications(None, 2 * THOUSAND):
        yield payments.mapper.to_domain_event(each)


def test_each_answer_is_handled_once_when_a_store_answers_again(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway()
    with running(impatient(store_url), gateway) as runner:
        begin_calls(runner, gateway)
        with gone(store_url):
            gateway.open()
            until(lambda: "the store does not answer" in caplog.text.lower())
        runner.settle()
        assert_each_charged_once(runner)
        assert set(gateway.asked.values()) == {1}


def test_a_lost_file_ends_the_runner_and_lets_its_calls_go(sqlite_store: str) -> None:
    gateway = Gateway()

    def lose_the_file() -> None:
        with running(sqlite_store, gateway) as runner:
            begin_calls(runner, gateway)
            Path(str(make_url(sqlite_store).database)).unlink()
            until(lambda: runner.failure is not None)

    with pytest.raises(RunnerDied) as death:
        lose_the_file()
    assert isinstance(death.value.__cause__, StoreUnusable)
    assert set(gateway.asked.values()) == {1}


def test_whoever_leads_next_asks_all_of_them_again(store_url: str) -> None:
    first, second = Gateway(), Gateway()
    with running(store_url, first) as runner:
        begin_calls(runner, first)
    second.open()
    with running(store_url, second) as runner:
        runner.settle()
        assert_each_charged_once(runner)
    assert second.asked == first.asked


async def unawaited() -> str:
    return "paid"


@pytest.mark.parametrize(
    ("answer", "event"), [(unawaited, CommandFaulted), (lambda: None, Charge.Taken)]
)
def test_a_coroutine_that_is_not_awaited_is_a_fault_and_nothing_is_an_answer(
    sqlite_store: str, answer: Callable[[], Any], event: type
) -> None:
    class OddGateway(Gateway):
        @override
        async def capture(self, trip: UUID) -> str:
            return answer()  # type: ignore[no-any-return]  # as a user's bug would

    with running(sqlite_store, OddGateway()) as runner:
        runner.get(Trips).execute_one(OpenTrip(trip=uuid4()))
        until(lambda: list(charges(runner)) != [])
        assert [type(each) for each in charges(runner)] == [event]


def test_a_runner_works_inside_a_running_event_loop(sqlite_store: str) -> None:
    """Its ports have a loop of their own; what a person calls there waits, and is answered."""
    gateway = Gateway()
    gateway.open()

    async def program() -> None:
        with running(sqlite_store, gateway) as runner:
            runner.get(Trips).execute_one(OpenTrip(trip=uuid4()))
            await asyncio.to_thread(runner.settle)
            runner.get(Payments).execute_one(Pay(trip=uuid4()))
            assert len(list(charges(runner))) == 2

    asyncio.run(program())
