"""A small system to try the running parts on: seats are held, a fee is taken, guests come."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import Any, Protocol
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from eventsourcing.domain import Aggregate, event
from eventsourcing.utils import EnvType
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, Uuid, select

from sagaline import (
    PIVOT,
    Application,
    Command,
    Message,
    Options,
    ReadModel,
    Retry,
    Runner,
    Saga,
    SetTimer,
    System,
    handles,
    minutes,
    on_compensated,
    project,
    seconds,
    step,
)
from sagaline.followers.follower import Follower
from sagaline.storage import ApplicationRecorder
from sagaline.storage.tables.dead_letters import Letter, all_letters
from sagaline.storage.tables.followers import follower_state, read_position
from sagaline.storage.tables.timers import TimerRow, due_timers

NEVER = datetime.max.replace(tzinfo=UTC)
PATIENCE = 300.0
"""Seconds after which something that should happen counts as not happening."""


class Trouble:
    """Bugs that a handler meets: tests say where, and for whom."""

    def __init__(self) -> None:
        self.bugs: dict[tuple[str, str], BaseException] = {}

    @contextmanager
    def at(self, where: str, whose: object, bug: BaseException | None = None) -> Iterator[None]:
        self.bugs[where, str(whose)] = bug or ValueError(f"a bug in {where}")
        try:
            yield
        finally:
            del self.bugs[where, str(whose)]

    def meet(self, where: str, whose: object) -> None:
        bug = self.bugs.get((where, str(whose)))
        if bug is not None:
            raise bug


trouble = Trouble()


class Booking(Aggregate):
    class Wanted(Aggregate.Created):
        booking_id: UUID
        guest: str
        show: str
        seats: int

    class Confirmed(Aggregate.Event):
        pass

    class Cancelled(Aggregate.Event):
        reason: str

    @event(Wanted)
    def __init__(self, booking_id: UUID, guest: str, show: str, seats: int) -> None:
        self.open = True

    @staticmethod
    def create_id(booking_id: UUID) -> UUID:
        return booking_id

    @event(Confirmed)
    def confirm(self) -> None:
        self.open = False

    @event(Cancelled)
    def cancel(self, reason: str) -> None:
        self.open = False


class Show(Aggregate):
    class Opened(Aggregate.Created):
        show: str
        seats: int

    class Added(Aggregate.Event):
        seats: int

    class Taken(Aggregate.Event):
        seats: int

    class GivenBack(Aggregate.Event):
        seats: int

    @event(Opened)
    def __init__(self, show: str, seats: int) -> None:
        self.left = seats

    @staticmethod
    def create_id(show: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"show:{show}")

    @event(Added)
    def add(self, seats: int) -> None:
        self.left += seats

    @event(Taken)
    def take(self, seats: int) -> None:
        self.left -= seats

    @event(GivenBack)
    def give_back(self, seats: int) -> None:
        self.left += seats


class Hold(Aggregate):
    class Asked(Aggregate.Created):
        booking_id: UUID

    class Made(Aggregate.Event):
        show: str
        seats: int

    class Refused(Aggregate.Event):
        reason: str

    class Released(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, booking_id: UUID) -> None:
        self.show = ""
        self.seats = 0

    @staticmethod
    def create_id(booking_id: UUID) -> UUID:
        return uuid5(booking_id, "hold")

    @event(Made)
    def make(self, show: str, seats: int) -> None:
        self.show = show
        self.seats = seats

    @event(Refused)
    def refuse(self, reason: str) -> None:
        self.seats = 0

    @event(Released)
    def release(self) -> None:
        self.seats = 0


class Fee(Aggregate):
    class Asked(Aggregate.Created):
        booking_id: UUID

    class Paid(Aggregate.Event):
        reference: str

    class Declined(Aggregate.Event):
        reason: str

    class Returned(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, booking_id: UUID) -> None:
        self.paid = False

    @staticmethod
    def create_id(booking_id: UUID) -> UUID:
        return uuid5(booking_id, "fee")

    @event(Paid)
    def pay(self, reference: str) -> None:
        self.paid = True

    @event(Declined)
    def decline(self, reason: str) -> None:
        self.paid = False

    @event(Returned)
    def give_back(self) -> None:
        self.paid = False


class Reminder(Aggregate):
    class Given(Aggregate.Created):
        guest: str
        words: str

    @event(Given)
    def __init__(self, guest: str, words: str) -> None:
        self.guest = guest


class BookingCommand(Command, key="booking_id"):
    booking_id: UUID


class WantSeats(BookingCommand):
    guest: str
    show: str
    seats: int = 1


class Confirm(BookingCommand):
    pass


class Cancel(BookingCommand):
    reason: str


class OpenShow(Command):
    show: str
    seats: int


class AddSeats(Command):
    show: str
    seats: int


class HoldSeats(BookingCommand):
    show: str
    seats: int


class ReleaseSeats(BookingCommand):
    pass


class TakeFee(BookingCommand):
    pass


class CollectFee(BookingCommand):
    pass


class ReturnFee(BookingCommand):
    pass


class AskForReminder(Command, key="guest"):
    guest: str
    after: float
    words: str = "soon"


class NeedNoReminder(Command, key="guest"):
    guest: str


class Remind(Command, key="guest"):
    guest: str
    words: str


class AlreadyWanted(Exception):
    """The booking is there already."""


@dataclass(frozen=True)
class Paid:
    reference: str


@dataclass(frozen=True)
class Declined:
    reason: str


@dataclass(frozen=True)
class Later:
    after: timedelta


class Bank(Protocol):
    """The outside world: it takes fees."""

    def collect(self, key: str) -> Paid | Declined | Later: ...


class GoodBank:
    """Takes every fee, and remembers how often it was asked for which."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def collect(self, key: str) -> Paid | Declined | Later:
        self.asked[key] += 1
        return self.answer(key)

    def answer(self, key: str) -> Paid | Declined | Later:
        return Paid(f"paid {key}")


class Desk(Application, aggregates=[Booking]):
    """Where guests say what they want."""

    @handles(WantSeats, loads=lambda command: [command.booking_id])
    def want(self, command: WantSeats) -> Booking:
        (known,) = self.repository.find(Booking, [command.booking_id])
        if known is not None:
            raise AlreadyWanted(command.booking_id)
        return Booking(**command.model_dump(exclude={"id"}))

    @handles(Confirm)
    def confirm(self, command: Confirm) -> Booking:
        booking: Booking = self.repository.get(command.booking_id)
        booking.confirm()
        return booking

    @handles(Cancel)
    def cancel(self, command: Cancel) -> Booking:
        booking: Booking = self.repository.get(command.booking_id)
        booking.cancel(command.reason)
        return booking


def _wanted(command: HoldSeats) -> Sequence[UUID]:
    trouble.meet("loads", command.booking_id)
    return [Hold.create_id(command.booking_id), Show.create_id(command.show)]


class House(Application, aggregates=[Show, Hold]):
    """Has the seats. All bookings of a show meet in one aggregate."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens elsewhere while seats are being held."""

    @handles(OpenShow)
    def open(self, command: OpenShow) -> Show:
        return Show(show=command.show, seats=command.seats)

    @handles(AddSeats)
    def add(self, command: AddSeats) -> Show:
        show: Show = self.repository.get(Show.create_id(command.show))
        Context().run(self.meanwhile)  # as another program does
        show.add(command.seats)
        return show

    @handles(HoldSeats, loads=_wanted)
    def hold(self, command: HoldSeats) -> Sequence[Show | Hold]:
        trouble.meet("House", command.booking_id)
        show: Show = self.repository.get(Show.create_id(command.show))
        Context().run(self.meanwhile)  # as another program does
        hold = Hold(booking_id=command.booking_id)
        if show.left < command.seats:
            hold.refuse(f"{show.left} seats left")
        else:
            show.take(command.seats)
            hold.make(command.show, command.seats)
        return [show, hold]

    @handles(ReleaseSeats)
    def release(self, command: ReleaseSeats) -> Sequence[Show | Hold]:
        hold: Hold = self.repository.get(Hold.create_id(command.booking_id))
        show: Show = self.repository.get(Show.create_id(hold.show))
        show.give_back(hold.seats)
        hold.release()
        return [show, hold]


class Till(Application, aggregates=[Fee]):
    """Takes fees through a bank."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self.bank: Bank = GoodBank()

    @handles(TakeFee)
    def take(self, command: TakeFee, answer: Paid | Declined | Later) -> Fee:
        return self._note(command, answer)

    @take.asks
    def ask_bank(self, command: TakeFee) -> Paid | Declined | Later:
        return self.bank.collect(str(command.booking_id))

    @handles(CollectFee)
    def collect(self, command: CollectFee, answer: Paid | Declined | Later) -> Fee:
        return self._note(command, answer)

    @collect.asks
    def ask_bank_again(self, command: CollectFee) -> Paid | Declined | Later:
        return self.bank.collect(str(command.booking_id))

    @handles(ReturnFee)
    def give_back(self, command: ReturnFee) -> Fee:
        fee = self._fee(command.booking_id)
        fee.give_back()
        return fee

    def _note(self, command: TakeFee | CollectFee, answer: Paid | Declined | Later) -> Fee:
        trouble.meet(type(command).__name__, command.booking_id)
        fee = self._fee(command.booking_id)
        if isinstance(answer, Paid):
            fee.pay(answer.reference)
        elif isinstance(answer, Declined):
            fee.decline(answer.reason)
        else:
            again = CollectFee(booking_id=command.booking_id)
            self.set_timer(SetTimer(f"collect:{command.booking_id}", answer.after, again))
        return fee

    def _fee(self, booking_id: UUID) -> Fee:
        (fee,) = self.repository.find(Fee, [Fee.create_id(booking_id)])
        return fee or Fee(booking_id=booking_id)


class Porter(Application, aggregates=[Reminder]):
    """Reminds guests. No saga gives it commands, only people and its own timers do."""

    @handles(AskForReminder)
    def ask_for_one(self, command: AskForReminder) -> None:
        remind = Remind(guest=command.guest, words=command.words)
        self.set_timer(SetTimer(command.guest, seconds(command.after), remind))

    @handles(NeedNoReminder)
    def drop(self, command: NeedNoReminder) -> None:
        self.cancel_timer(command.guest)

    @handles(Remind)
    def remind(self, command: Remind) -> Reminder:
        trouble.meet("Porter", command.guest)
        return Reminder(guest=command.guest, words=command.words)


class Evening(Saga, starts_on=Booking.Wanted, key=lambda event: event.originator_id):
    """One booking, from wanted to confirmed, or back."""

    @step(done=Hold.Made, refused=Hold.Refused)
    def hold_seats(self) -> HoldSeats:
        wanted = self[Booking.Wanted]
        trouble.meet("Evening", self.key)
        return HoldSeats(booking_id=self.key, show=wanted.show, seats=wanted.seats)

    @hold_seats.undo(done=Hold.Released)
    def release_seats(self) -> ReleaseSeats:
        return ReleaseSeats(booking_id=self.key)

    @step(
        done=Fee.Paid,
        refused=Fee.Declined,
        within=minutes(10),
        retry=Retry(3, first=minutes(1)),
    )
    def take_fee(self) -> TakeFee:
        return TakeFee(booking_id=self.key)

    @take_fee.undo(done=Fee.Returned)
    def return_fee(self) -> ReturnFee:
        return ReturnFee(booking_id=self.key)

    @step(done=Booking.Confirmed, kind=PIVOT)
    def confirm(self) -> Confirm:
        return Confirm(booking_id=self.key)

    @on_compensated
    def cancel(self) -> Cancel:
        return Cancel(booking_id=self.key, reason=self.reason)


tables = MetaData()
guest_list = Table(
    "guest_list",
    tables,
    Column("booking_id", Uuid, primary_key=True),
    Column("guest", String(20), nullable=False),
    Column("status", Text, nullable=False),
    Column("changes", Integer, nullable=False),
)
show_list = Table(
    "show_list",
    tables,
    Column("show", Text, primary_key=True),
    Column("wanted", Integer, nullable=False),
)


class GuestList(ReadModel):
    """Who comes? `changes` counts, so that an event that is folded twice is seen."""

    table = guest_list

    @project(Booking.Wanted)
    def wanted(self, event: Booking.Wanted) -> None:
        trouble.meet("guest_list", event.originator_id)
        row = {"guest": event.guest, "status": "wanted", "changes": 1}
        self.rows[event.originator_id] = row

    @project(Booking.Confirmed)
    def confirmed(self, event: Booking.Confirmed) -> None:
        self._change(event.originator_id, "confirmed")

    @project(Booking.Cancelled)
    def cancelled(self, event: Booking.Cancelled) -> None:
        self._change(event.originator_id, "cancelled")

    def _change(self, booking_id: UUID, status: str) -> None:
        row = self.rows[booking_id]
        row["status"] = status
        row["changes"] += 1


class ShowList(ReadModel):
    """How much is each show wanted? A sum, so that an event that is folded twice is seen."""

    table = show_list

    @project(Booking.Wanted)
    def wanted(self, event: Booking.Wanted, message: Message) -> None:
        row = self.rows.setdefault(event.show, {"wanted": 0})
        row["wanted"] += event.seats

    def keys_of(self, event: Any, message: Message) -> Sequence[str]:
        trouble.meet("show_list keys", event.originator_id)
        return [event.show]


system = System(
    "evenings",
    applications=[Desk, House, Till, Porter],
    sagas=[Evening],
    read_models=[GuestList, ShowList],
)


def env(url: str) -> dict[str, str]:
    return {"SQLALCHEMY_URL": url}


def wish(guest: str = "Ada", show: str = "Hamlet", seats: int = 1) -> WantSeats:
    return WantSeats(booking_id=uuid4(), guest=guest, show=show, seats=seats)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, by: timedelta) -> None:
        self.moment += by


class Hands:
    """Leads the followers of a runner that is not started, one turn after another."""

    def __init__(self, url: str, clock: Clock | None = None, **settings: str) -> None:
        self.clock = clock or Clock()
        # A step has the answers of its ports, however slow the machine is.
        options = Options(port_patience=10)
        self.runner = Runner(system, {**env(url), **settings}, now=self.clock, options=options)
        self.followers = {each.name: each for each in self.runner.followers}
        self.bank = GoodBank()
        self.runner.get(Till).bank = self.bank

    def open(self, show: str = "Hamlet", seats: int = 100) -> None:
        self.runner.get(House).open(OpenShow(show=show, seats=seats))

    def want(self, *wishes: WantSeats) -> None:
        receipts = self.runner.get(Desk).execute(wishes)
        assert [each.error for each in receipts] == [None] * len(wishes)

    def look(self) -> None:
        """Reads what is new in the logs."""
        for window in self.runner.windows.values():
            while window.refresh():
                pass

    def turn(self, *names: str) -> bool:
        """One step of these followers, or of all; says whether one came further."""
        self.look()
        moved = [each.step() for each in self._chosen(names)]
        return any(moved)

    def settle(self, *names: str) -> None:
        """Turns until these followers, or all, have nothing left to do."""
        while self.turn(*names):
            pass
        for each in self._chosen(names):
            each.save()

    def fire(self, *names: str) -> bool:
        """Fires all that is due; says whether there was anything."""
        now = self.clock().timestamp()
        fired = False
        for each in self._chosen(names):
            while any(timer.due_at <= now for timer in timers(self.runner, each.name)):
                each.fire(now)
                fired = True
        return fired

    def _chosen(self, names: Sequence[str]) -> list[Follower]:
        return [self.followers[each] for each in names or self.followers]


@contextmanager
def hands(url: str, clock: Clock | None = None) -> Iterator[Hands]:
    led = Hands(url, clock)
    try:
        yield led
    finally:
        led.runner.stop()


def rows_of(runner: Runner, table: Table) -> dict[Any, tuple[Any, ...]]:
    """A read table: the other columns by the first one."""
    with runner.views.read() as connection:
        return {first: tuple(rest) for first, *rest in connection.execute(select(table))}


def statuses(runner: Runner) -> Counter[str]:
    return Counter(row[1] for row in rows_of(runner, guest_list).values())


def letters(runner: Runner) -> list[Letter]:
    with runner.views.read() as connection:
        return all_letters(connection)


def timers(runner: Runner, follower: str) -> list[TimerRow]:
    with runner.views.read() as connection:
        return due_timers(connection, follower, NEVER.timestamp(), 1_000)


def fence(runner: Runner, follower: str) -> int:
    with runner.views.read() as connection:
        return follower_state(connection, follower).fence


def reached(runner: Runner, follower: str, leader: str) -> int:
    with runner.views.read() as connection:
        return read_position(connection, follower, leader)


def recorder(runner: Runner, application: type[Application]) -> ApplicationRecorder:
    return runner.get(application).recorder


def events(runner: Runner, application: type[Application]) -> list[Any]:
    """The events in a log, in order."""
    mapper: Any = runner.get(application).mapper
    rows = recorder(runner, application).page(0, 100_000).rows
    return [mapper.to_domain_event(row) for row in rows]


def named(runner: Runner, application: type[Application]) -> list[str]:
    """The names of the events in a log, in order."""
    rows = recorder(runner, application).page(0, 100_000).rows
    return [row.topic.rpartition(":")[2] for row in rows]


def wrong(runner: Runner) -> list[str]:
    """What must not be once the system is settled, judged from the logs and the read tables."""
    return [*_wrong_shows(runner), *_wrong_bookings(runner)]


def _wrong_shows(runner: Runner) -> Iterator[str]:
    wanted: Counter[str] = Counter()
    for each in events(runner, Desk):
        if isinstance(each, Booking.Wanted):
            wanted[each.show] += each.seats
    listed = {show: row[0] for show, row in rows_of(runner, show_list).items()}
    if listed != wanted:
        yield f"show_list has {listed}, the log {dict(wanted)}"
    for show in wanted:
        stage: Show = runner.get(House).repository.get(Show.create_id(show))
        if stage.left < 0:
            yield f"{show}: {stage.left} seats left"


def _wrong_bookings(runner: Runner) -> Iterator[str]:
    for booking, (guest, status, changes) in rows_of(runner, guest_list).items():
        if status == "wanted" or changes != 2:
            yield f"{guest}, {booking}: {status} after {changes} changes"
    confirmed = statuses(runner)["confirmed"]
    held, paid = Counter(named(runner, House)), Counter(named(runner, Till))
    if confirmed != held["Hold.Made"] - held["Hold.Released"]:
        yield f"{confirmed} confirmed, but {held}"
    if confirmed != paid["Fee.Paid"] - paid["Fee.Returned"]:
        yield f"{confirmed} confirmed, but {paid}"


# From a server that has imported what they need: a process of its own starts at once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "tests.sagaline.small_system"])


def joined(*processes: Any) -> None:
    """Starts processes and waits for their ends, which must be good ones."""
    for each in processes:
        each.start()
    for each in processes:
        each.join(PATIENCE)
    assert [each.exitcode for each in processes] == [0] * len(processes)


def until(what: Callable[[], bool], why: str = "it did not happen") -> None:
    """Waits for a condition, bounded."""
    pause = Signal()
    for _ in range(int(PATIENCE / 0.01)):
        if what():
            return
        pause.wait(0.01)
    raise TimeoutError(why)
