"""Coroutines and generators where plain functions belong: never passed over in silence."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import Column, MetaData, Table

from sagaline import (
    NO_EFFECT,
    Application,
    DefinitionError,
    ReadModel,
    Runner,
    Saga,
    System,
    Uuid,
    handles,
    hears,
    locks,
    on_completed,
    project,
    reacts_to,
    step,
)
from sagaline.errors import NeverRun, NoCommand, NotStorable
from sagaline.storage.tables.dead_letters import all_letters
from tests.sagaline.small_system import env
from tests.sagaline.trip import OpenTrip, Pay, Trip


class Charge(Aggregate):
    class Taken(Aggregate.Created): ...

    @event(Taken)
    def __init__(self, id: UUID) -> None: ...


async def awaited(*given: Any) -> Any: ...


def generated(*given: Any) -> Iterator[Any]:
    yield


async def generated_later(*given: Any) -> AsyncIterator[Any]:
    yield


class Awaited:
    async def __call__(self, *given: Any) -> Any: ...


LAZY = {
    "async def": awaited,
    "generator": generated,
    "async generator": generated_later,
    "partial": partial(awaited, 1),
    "callable object": Awaited(),
}


def asking(function: Any) -> None:
    handles(Pay)(lambda self, command, answer: None).asks(function)


def asking_for_all(function: Any) -> None:
    handles(Pay)(lambda self, command, answer: None).asks_all(function)


def model(**names: Any) -> None:
    table = Table("trips_paid", MetaData(), Column("trip_id", Uuid, primary_key=True))
    opened = project(Trip.Opened)(lambda self, event: None)
    type("TripsPaid", (ReadModel,), {"table": table, "opened": opened, **names})


def saga(key: Any = lambda event: event.originator_id, **names: Any) -> None:
    pay = step(Pay, done=Trip.Paid, kind=NO_EFFECT)
    type("BookTrip", (Saga,), {"pay": pay, **names}, starts_on=Trip.Opened, key=key)


def step_of(function: Any) -> None:
    saga(pay=step(done=Trip.Paid, kind=NO_EFFECT)(function))


def undo_of(function: Any) -> None:
    pay = step(Pay, done=Trip.Paid)
    saga(pay=pay, undo=pay.undo(done=Charge.Taken)(function))


DECLARING: dict[str, Callable[[Any], Any]] = {
    "handler": handles(Pay),
    "reaction": reacts_to(Trip.Opened),
    "projection": project(Trip.Opened),
    "step": step_of,
    "undo": undo_of,
    "closing command": lambda function: saga(close=on_completed(function)),
    "fold": lambda function: saga(hear=hears(Trip.Opened)(function)),
    "key": lambda function: saga(key=function),
}


@pytest.mark.parametrize("declare", DECLARING.values(), ids=DECLARING.keys())
@pytest.mark.parametrize("function", LAZY.values(), ids=LAZY.keys())
def test_what_would_never_run_is_refused_where_it_is_declared(
    declare: Callable[[Any], Any], function: Any
) -> None:
    with pytest.raises(DefinitionError, match="it does not run when it is called"):
        declare(function)


@pytest.mark.parametrize("declare", [asking, asking_for_all])
@pytest.mark.parametrize("function", [generated, generated_later, partial(generated)])
def test_a_port_may_be_awaited_but_not_yield(declare: Callable[[Any], Any], function: Any) -> None:
    declare(awaited)
    with pytest.raises(DefinitionError, match="Write def, or async def, without yield"):
        declare(function)


READING: dict[str, Callable[[Any], Any]] = {
    "loads": lambda function: handles(Pay, loads=function)(lambda self, command: None),
    "keys_of": lambda function: model(keys_of=function),
    "locks": lambda function: saga(lock=locks(function)),
    "faulted": lambda function: type("Till", (Application,), {"faulted": function}),
}


@pytest.mark.parametrize("declare", READING.values(), ids=READING.keys())
@pytest.mark.parametrize("function", [awaited, generated_later, partial(awaited), Awaited()])
def test_what_gives_several_values_may_yield_but_not_await(
    declare: Callable[[Any], Any], function: Any
) -> None:
    declare(generated)
    with pytest.raises(DefinitionError, match="Write "):
        declare(function)


@pytest.mark.parametrize(
    "what", ["reaction", "projection", "step", "undo", "closing command", "fold"]
)
def test_a_method_has_a_name(what: str) -> None:
    with pytest.raises(DefinitionError, match=r"a partial is no method\. Write a def"):
        DECLARING[what](partial(lambda self, event: None))


def test_an_event_of_an_aggregate_is_applied_by_a_plain_method() -> None:
    class Late(Aggregate):
        @event("Paid")  # type: ignore[type-var]  # the library accepts it
        async def pay(self) -> None: ...

    with pytest.raises(DefinitionError, match=r"^Late\.pay: it does not run when it is called"):
        type("Trips", (Application,), {}, aggregates=[Late])


# What only shows when it runs


class Trips(Application, aggregates=[Trip, Charge]):
    """Returns what a test says, from plain functions."""

    returned: Callable[[], Any]
    answered: Callable[[Sequence[Any]], Any]

    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> Trip:
        return Trip(id=command.trip_id)

    @handles(Pay, loads=lambda command: Trips.loaded())
    def pay(self, command: Pay, answer: Any) -> Any:
        self.repository.get(command.trip_id).pay()
        return type(self).returned()

    @pay.asks_all
    def _ask(self, commands: Sequence[Pay]) -> Any:
        return type(self).answered(commands)

    loaded: Callable[[], Any]


class Closed(Saga, starts_on=Trip.Opened, key=lambda event: Closed.named(event)):
    named: Callable[[Any], Any]
    made: Callable[[Any], Any]
    heard: Callable[[], Any]
    locked: Callable[[], Any]

    @locks
    def names(self) -> Any:
        return type(self).locked()

    @hears(Trip.Opened)
    def opened(self, event: Trip.Opened) -> Any:
        return type(self).heard()

    @step(done=Trip.Paid, kind=NO_EFFECT)
    def pay(self) -> Pay:
        made: Pay = type(self).made(self)
        return made


class Listing(ReadModel):
    table = Table("listing", MetaData(), Column("trip_id", Uuid, primary_key=True))
    projected: Callable[[], Any]
    keyed: Callable[[], Any]

    @project(Trip.Opened)
    def opened(self, event: Trip.Opened) -> Any:
        self.rows[event.originator_id] = {}
        return type(self).projected()

    def keys_of(self, event: Any, message: Any) -> Any:
        return type(self).keyed()


system = System("trips", applications=[Trips], sagas=[Closed], read_models=[Listing])

PLAIN: dict[tuple[type, str], Callable[..., Any]] = {
    (Trips, "returned"): lambda: None,
    (Trips, "answered"): lambda commands: [True for _ in commands],
    (Trips, "loaded"): lambda: (each for each in list[UUID]()),
    (Closed, "named"): lambda event: event.originator_id,
    (Closed, "made"): lambda saga: Pay(trip_id=saga.key),
    (Closed, "heard"): lambda: None,
    (Closed, "locked"): lambda: (each for each in ["one"]),
    (Listing, "projected"): lambda: None,
    (Listing, "keyed"): lambda: (each for each in list[UUID]()),
}


def behave(**changed: Callable[..., Any]) -> None:
    for (owner, name), function in PLAIN.items():
        setattr(owner, name, staticmethod(changed.get(name, function)))


def letters_of(runner: Runner) -> list[str]:
    with runner.views.read() as connection:
        return [each.error or "" for each in all_letters(connection)]


def test_generators_give_several_values(store_url: str) -> None:
    behave()
    with Runner(system, env(store_url)) as runner:
        runner.get(Trips).open(OpenTrip(trip_id=UUID(int=1)))
        runner.settle()
        assert letters_of(runner) == []
        assert len(runner.get(Trips).recorder.page(0, 10).rows) == 2


AT_RUN_TIME: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "handler": ({"returned": awaited}, "Trips.pay returned a coroutine"),
    "handler that yields": ({"returned": generated}, "Trips.pay returned a generator"),
    "handler's list": ({"returned": lambda: [awaited(), awaited()]}, "Trips.pay returned a corou"),
    "loads": ({"loaded": awaited}, "loads= of a handler of Trips returned a coroutine"),
    "key": ({"named": awaited}, "the key of Closed for Trip.Opened returned a coroutine"),
    "step": ({"made": awaited}, "Closed.pay returned a coroutine"),
    "fold": ({"heard": awaited}, "Closed.opened returned a coroutine"),
    "locks": ({"locked": awaited}, "Closed.names returned a coroutine"),
    "projection": ({"projected": awaited}, "Listing (Opened) returned a coroutine"),
    "projection that yields": ({"projected": generated}, "Listing (Opened) returned a generator"),
    "keys_of": ({"keyed": awaited}, "Listing.keys_of returned a coroutine"),
}


@pytest.mark.parametrize(("changed", "said"), AT_RUN_TIME.values(), ids=AT_RUN_TIME.keys())
def test_what_shows_only_when_it_runs_is_parked_in_words(
    sqlite_store: str, changed: dict[str, Callable[..., Any]], said: str
) -> None:
    behave(**changed)
    with Runner(system, env(sqlite_store)) as runner:
        runner.get(Trips).open(OpenTrip(trip_id=UUID(int=1)))
        runner.settle()
        assert [f"NeverRun: {said}" in each for each in letters_of(runner)] == [True]
        assert "which is not run: write a plain def" in letters_of(runner)[0]


@pytest.mark.parametrize(
    "answered", [awaited, lambda commands: [awaited() for _ in commands], generated]
)
def test_a_port_that_was_not_called_is_a_fault(
    sqlite_store: str, answered: Callable[..., Any]
) -> None:
    behave(answered=answered)
    with Runner(system, env(sqlite_store)) as runner:
        trips = runner.get(Trips)
        trips.open(OpenTrip(trip_id=UUID(int=1)))
        with pytest.raises(NeverRun, match=r"^the port of Trips\.pay returned a (corou|gener)"):
            trips.pay(Pay(trip_id=UUID(int=1)))
        first, second = trips.execute([Pay(trip_id=UUID(int=n)) for n in (1, 2)])
        assert {type(first.error), type(second.error)} == {NeverRun}
        runner.settle(horizon=0)
        rows = trips.recorder.page(0, 10).rows
        assert [row.topic for row in rows][1:] == ["sagaline:CommandFaulted"]
        assert b"NeverRun: the port of Trips.pay returned a" in rows[1].state


@pytest.mark.parametrize("made", [lambda saga: 5, lambda saga: None], ids=["5", "None"])
def test_what_is_no_command_is_none(made: Callable[[Any], Any]) -> None:
    from sagaline.testing import given

    behave(made=made)
    with pytest.raises(NoCommand, match=r"Closed\.pay returned no command"):
        given(Closed).when(Trip.Opened)


def test_what_a_handler_returns_is_an_aggregate_or_an_event(sqlite_store: str) -> None:
    behave(returned=lambda: 5)
    with Runner(system, env(sqlite_store)) as runner:
        runner.get(Trips).save(Trip(id=UUID(int=1)))
        with pytest.raises(NotStorable, match=r"int cannot be stored: Trips\.pay gave it, and it"):
            runner.get(Trips).pay(Pay(trip_id=UUID(int=1)))
