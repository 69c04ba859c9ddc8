"""Journeys whose saga is changed while instances live: the code of each deployment, as text."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

from eventsourcing import utils
from eventsourcing.domain import Aggregate, event

from sagaline import Application, Command, handles


class Trip(Aggregate):
    class Wanted(Aggregate.Created): ...

    class Checked(Aggregate.Event): ...

    class SeatHeld(Aggregate.Event):
        seats: int

    class SeatReleased(Aggregate.Event): ...

    class Paid(Aggregate.Event): ...

    @event(Wanted)
    def __init__(self, id: UUID) -> None: ...


class TripCommand(Command, key="trip_id"):
    trip_id: UUID


class Want(TripCommand): ...


class Check(TripCommand): ...


class Hold(TripCommand):
    seats: int = 1


class Release(TripCommand): ...


class Pay(TripCommand): ...


class Agree(TripCommand): ...


class Confirm(TripCommand): ...


class Order(TripCommand): ...


class Travel(Application, aggregates=[Trip]):
    @handles(Want)
    def want(self, command: Want) -> Trip:
        return Trip(id=command.trip_id)

    @handles(Check)
    def check(self, command: Check) -> None:
        self._say(command, Trip.Checked)

    @handles(Hold)
    def hold(self, command: Hold) -> None:
        self._say(command, Trip.SeatHeld, seats=command.seats)

    @handles(Release)
    def release(self, command: Release) -> None:
        self._say(command, Trip.SeatReleased)

    @handles(Pay)
    def pay(self, command: Pay) -> None:
        self._say(command, Trip.Paid)

    def _say(self, command: TripCommand, what: type[Aggregate.Event], **facts: Any) -> None:
        self.repository.get(command.trip_id).trigger_event(what, **facts)


def trip_of(start: Any) -> UUID:
    found: UUID = start.trip_id if isinstance(start, TripCommand) else start.originator_id
    return found


HEAD = """
from sagaline import NO_EFFECT, PIVOT, Saga, System, hours, locks, query, step, version, wait_for
from tests.sagaline.journeys import (
    Agree, Check, Confirm, Hold, Order, Pay, Release, Travel, Trip, Want, trip_of
)
"""

FORMER = """

class Book(Saga, starts_on=Trip.Wanted, key=trip_of):
    @step(done=Trip.SeatHeld)
    def hold(self) -> Hold:
        return Hold(trip_id=self.key)

    release = hold.undo(Release, done=Trip.SeatReleased)
    agree = wait_for(done=Agree, within=hours(48), expected=hours(1))
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)

    @query
    def wants(self) -> str:
        return "an agreement"
"""

PRESENT = """

class Book(Saga, starts_on=Trip.Wanted, key=trip_of):
    check = step(Check, done=Trip.Checked, kind=NO_EFFECT)

    @step(done=Trip.SeatHeld)
    def hold(self) -> Hold:
        return Hold(trip_id=self.key)

    release = hold.undo(Release, done=Trip.SeatReleased)
    confirm = wait_for(done=Confirm, within=hours(48))
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)

    @query
    def wants(self) -> str:
        return "a confirmation"
"""

SYSTEM = """

system = System("journeys", applications=[Travel], sagas=[Book])
"""

BEFORE = HEAD + FORMER + SYSTEM
WITHOUT = HEAD + PRESENT + SYSTEM
"""The new definition alone: instances of the former one cannot go on."""


def beside(former: str, present: str = PRESENT) -> str:
    """The new definition, and the former one after it."""
    return present + former.replace("class Book(", "@version(of=Book)\nclass BookBefore(")


BESIDE = HEAD + beside(FORMER) + SYSTEM
"""The new definition, with the former one beside it."""

_ONE_SEAT = """
    @locks
    def seats(self) -> list[str]:
        return ["the seat"]

    @query"""

LOCKED = FORMER.replace("\n    @query", _ONE_SEAT)
LOCKED_BEFORE = HEAD + LOCKED + SYSTEM
LOCKED_BESIDE = HEAD + beside(LOCKED) + SYSTEM
"""There is one seat, in the former definition alone."""

_TOUR = """

class Tour(Saga, starts_on=Trip.Wanted, key=trip_of):
    @step(done=Book)
    def book(self) -> Order:
        return Order(trip_id=self.key)

    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


system = System("journeys", applications=[Travel], sagas=[Tour, Book])
"""


def _child(saga: str) -> str:
    started = saga.replace("starts_on=Trip.Wanted", "starts_on=Order")
    return started.replace("    pay = step(Pay, done=Trip.Paid, kind=PIVOT)\n", "")


TOUR_BEFORE = HEAD + _child(FORMER) + _TOUR
TOUR_BESIDE = HEAD + beside(_child(FORMER), _child(PRESENT)) + _TOUR
"""A booking is a step of a tour."""


def forget_topics() -> None:
    """Forgets the classes of the deployment before, as a new process has none."""
    for topic in [each for each in utils._topic_cache if each.startswith("journeys_code:")]:
        del utils._topic_cache[topic]


def loaded(folder: Path, code: str) -> ModuleType:
    """A deployment's module, as a new process has it: each has the same name."""
    forget_topics()
    path = folder / f"code{uuid4().hex}.py"
    path.write_text(code, encoding="utf-8")
    spec = spec_from_file_location("journeys_code", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
