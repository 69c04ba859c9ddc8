"""A system in which many sagas are stuck at once: a carrier that is down, a depot with a bug."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Application,
    Command,
    Retry,
    Runner,
    Saga,
    System,
    handles,
    hours,
    minutes,
    step,
)


class Fate:
    """What goes wrong, and for which keys."""

    def __init__(self) -> None:
        self.down: dict[str, str] = {}
        """By command: what the carrier says instead of doing it."""
        self.bugs: set[str] = set()
        """The keys at which the depot's own code raises."""

    def meet(self, command: Command) -> None:
        name = type(command).__name__
        if name in self.down:
            raise ConnectionError(self.down[name])


fate = Fate()


@contextmanager
def trouble(*bugs: str, **down: str) -> Iterator[None]:
    """Lets commands fail at the carrier, or keys at the depot, for a while."""
    fate.down.update(down)
    fate.bugs.update(bugs)
    try:
        yield
    finally:
        fate.down.clear()
        fate.bugs.clear()


class Parcel(Aggregate):
    class Brought(Aggregate.Created):
        parcel: str

    class Cleared(Aggregate.Event):
        pass

    @event(Brought)
    def __init__(self, parcel: str) -> None:
        pass

    @staticmethod
    def create_id(parcel: str) -> UUID:
        return uuid5(NAMESPACE_URL, parcel)


class Handling(Aggregate):
    class Begun(Aggregate.Created):
        parcel: str

    class Checked(Aggregate.Event):
        pass

    class Packed(Aggregate.Event):
        pass

    class Unpacked(Aggregate.Event):
        pass

    class TooHeavy(Aggregate.Event):
        reason: str

    class HandedOver(Aggregate.Event):
        pass

    class Billed(Aggregate.Event):
        pass

    @event(Begun)
    def __init__(self, parcel: str) -> None:
        pass

    @staticmethod
    def create_id(parcel: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"handling of {parcel}")


class ParcelCommand(Command, key="parcel"):
    parcel: str


class Bring(ParcelCommand):
    pass


class Check(ParcelCommand):
    pass


class Pack(ParcelCommand):
    pass


class Unpack(ParcelCommand):
    pass


class HandOver(ParcelCommand):
    pass


class Bill(ParcelCommand):
    pass


class Counter(Application, aggregates=[Parcel]):
    """Where parcels are brought."""

    @handles(Bring)
    def bring(self, command: Bring) -> Parcel:
        return Parcel(parcel=command.parcel)


class Depot(Application, aggregates=[Handling]):
    """Handles parcels, and hands them over to a carrier."""

    @handles(Check)
    def check(self, command: Check) -> Handling:
        handling = Handling(parcel=command.parcel)
        handling.trigger_event(Handling.Checked)
        return handling

    @handles(Pack)
    def pack(self, command: Pack) -> Handling:
        if command.parcel in fate.bugs:
            raise ValueError(f"no box fits {command.parcel}")
        return self._after(command, Handling.Packed)

    @handles(Unpack)
    def unpack(self, command: Unpack, answer: None) -> Handling:
        return self._after(command, Handling.Unpacked)

    @handles(HandOver)
    def hand_over(self, command: HandOver, answer: None) -> Handling:
        handling: Handling = self.repository.get(Handling.create_id(command.parcel))
        if command.parcel.startswith("heavy"):
            handling.trigger_event(Handling.TooHeavy, reason="over 30 kg")
        else:
            handling.trigger_event(Handling.HandedOver)
        return handling

    @handles(Bill)
    def bill(self, command: Bill, answer: None) -> Handling:
        return self._after(command, Handling.Billed)

    @unpack.asks
    def _fetch_back(self, command: Unpack) -> None:
        fate.meet(command)

    @hand_over.asks
    def _load(self, command: HandOver) -> None:
        fate.meet(command)

    @bill.asks
    def _write(self, command: Bill) -> None:
        fate.meet(command)

    def _after(self, command: ParcelCommand, what: type[Aggregate.Event]) -> Handling:
        handling: Handling = self.repository.get(Handling.create_id(command.parcel))
        handling.trigger_event(what)
        return handling


class SendParcel(
    Saga, starts_on=Parcel.Brought, key=lambda brought: brought.parcel, expected=hours(2)
):
    """One parcel, from the counter to the carrier, or back out of its box."""

    check = step(Check, done=Handling.Checked, kind=NO_EFFECT)
    pack = step(Pack, done=Handling.Packed, retry=Retry(1))
    unpack = pack.undo(Unpack, done=Handling.Unpacked)
    hand_over = step(
        HandOver,
        done=Handling.HandedOver,
        refused=Handling.TooHeavy,
        kind=PIVOT,
        retry=Retry(1),
        expected=minutes(5),
    )
    bill = step(Bill, done=Handling.Billed, kind=RETRIABLE, retry=Retry(1))


system = System("parcels", applications=[Counter, Depot], sagas=[SendParcel])


def bring(store: str, *parcels: str) -> list[str]:
    """Brings parcels, and runs the system until it has settled; returns what is held up."""
    with Runner(system, {"SQLALCHEMY_URL": store}) as runner:
        receipts = runner.get(Counter).execute([Bring(parcel=each) for each in parcels])
        assert [each.error for each in receipts] == [None] * len(parcels)
        return [str(each) for each in runner.settle()]


CLOSED = ["red", "green", "blue", "grey"]
"""Parcels that wait for a road, at the point of no return."""

HEAVY = ["heavy one", "heavy two"]
"""Parcels that are refused, and that nobody takes out of their boxes."""


def a_bad_day(store: str) -> None:
    """Parks sagas at a step and at an undo, and one of them waits behind a dead letter."""
    with trouble(HandOver="the road is closed"):
        bring(store, *CLOSED)
    with trouble("odd", Unpack="the bridge is up"):
        bring(store, *HEAVY, "odd")
