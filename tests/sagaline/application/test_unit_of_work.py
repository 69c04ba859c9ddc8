"""Units of work, and the commands that people give: one effect for each id, whoever gives it."""

from collections.abc import Sequence
from contextvars import Context
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import OperationalError

from sagaline import Application, Command, DefinitionError, SetTimer, handles, seconds
from sagaline.application.message_handling import handling_of
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.errors import CommandConflict, NotStorable
from sagaline.messaging.message import Trace
from sagaline.storage.tables.timers import pending_timers
from tests.sagaline.small_system import (
    PROCESSES,
    AddSeats,
    AlreadyWanted,
    AskForReminder,
    Booking,
    Declined,
    Desk,
    GoodBank,
    Hands,
    House,
    OpenShow,
    Paid,
    Porter,
    Remind,
    Show,
    TakeFee,
    Till,
    env,
    hands,
    joined,
    named,
    wish,
)
from tests.sagaline.storage.stores import outside


def seats_left(led: Hands, show: str = "Hamlet") -> int:
    found: Show = led.runner.get(House).repository.get(Show.create_id(show))
    return found.left


# The same command


def test_the_same_command_twice_is_one_effect(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        add = AddSeats(show="Hamlet", seats=5)
        first, second = led.runner.get(House).add(add), led.runner.get(House).add(add)
        assert (first.position, first.duplicate) == ("house:2", False)
        assert (second.position, second.duplicate) == ("house:2", True)
        assert seats_left(led) == 105


def test_the_same_command_twice_in_one_batch_is_one_effect(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        add, other = AddSeats(show="Hamlet", seats=5), AddSeats(show="Hamlet", seats=7)
        receipts = led.runner.get(House).execute([add, other, add])
        assert [(x.position, x.duplicate) for x in receipts] == [
            ("house:2", False),
            ("house:3", False),
            ("house:2", True),
        ]
        assert seats_left(led) == 112


class Bookkeeper(Application, aggregates=[Show]):
    """Records events that it has not triggered on the aggregate."""

    @handles(OpenShow)
    def open(self, command: OpenShow) -> Show:
        return Show(show=command.show, seats=command.seats)

    @handles(AddSeats)
    def add(self, command: AddSeats) -> Any:
        show: Show = self.repository.get(Show.create_id(command.show))
        added: Any = Show.Added
        return added(
            originator_id=show.id,
            originator_version=show.version + 1,
            timestamp=datetime.now(UTC),
            seats=command.seats,
        )


def test_an_event_that_is_handed_over_bare_counts_for_the_next_command(store_url: str) -> None:
    keeper = Bookkeeper({"PERSISTENCE_MODULE": "sagaline.storage", **env(store_url)})
    try:
        keeper.execute_one(OpenShow(show="Hamlet", seats=100))
        receipts = keeper.execute([AddSeats(show="Hamlet", seats=n) for n in (1, 2, 3)])
        assert [each.error for each in receipts] == [None, None, None]
        assert keeper.repository.get(Show.create_id("Hamlet")).left == 106
    finally:
        keeper.close()


def test_the_same_command_is_known_after_a_restart(store_url: str) -> None:
    add = AddSeats(show="Hamlet", seats=5)
    for duplicate in (False, True):
        with hands(store_url) as led:
            if not duplicate:
                led.open()
            assert led.runner.get(House).add(add).duplicate is duplicate
            assert seats_left(led) == 105


def test_an_id_that_was_used_for_something_else_is_refused(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        house = led.runner.get(House)
        add = AddSeats(show="Hamlet", seats=5)
        house.add(add)
        with pytest.raises(CommandConflict, match=str(add.id)):
            house.add(AddSeats(id=add.id, show="Hamlet", seats=6))
        first, other = house.execute([add, add.model_copy(update={"seats": 7})])
        assert first.duplicate
        assert isinstance(other.error, CommandConflict)
        assert seats_left(led) == 105


def test_each_application_of_a_store_has_ids_of_its_own(store_url: str) -> None:
    with hands(store_url) as led:
        house, desk = led.runner.get(House), led.runner.get(Desk)
        show = OpenShow(show="Hamlet", seats=3)
        wanted = wish().model_copy(update={"id": show.id})
        assert [house.open(show).duplicate, desk.want(wanted).duplicate] == [False, False]
        again = [house.open(show), desk.want(wanted)]
        assert [(x.position, x.duplicate) for x in again] == [("house:1", True), ("desk:1", True)]
        with pytest.raises(CommandConflict):
            desk.want(wanted.model_copy(update={"guest": "Bea"}))


def test_one_application_has_one_id_for_commands_of_all_classes(store_url: str) -> None:
    with hands(store_url) as led:
        show = OpenShow(show="Hamlet", seats=3)
        house = led.runner.get(House)
        house.open(show)
        with pytest.raises(CommandConflict):
            house.add(AddSeats(id=show.id, show="Hamlet", seats=3))
        assert seats_left(led) == 3


def adding(url: str, ready: Any, commands: Sequence[AddSeats], answers: Any) -> None:
    """Somebody who gives commands in a process of his own, without a runner."""
    house = House({**env(url), "PERSISTENCE_MODULE": "sagaline.storage"})
    ready.wait()
    for each in commands:
        receipt = house.add(each)
        answers.put((str(each.id), receipt.position, receipt.duplicate))
    house.close()


def test_two_processes_that_give_the_same_commands_have_one_effect(store_url: str) -> None:
    with hands(store_url) as led:
        led.open(seats=0)
        commands = [AddSeats(show="Hamlet", seats=1) for _ in range(40)]
        ready, answers = PROCESSES.Barrier(2), PROCESSES.Queue()
        both = [
            PROCESSES.Process(target=adding, args=(store_url, ready, commands, answers))
            for _ in "ab"
        ]
        joined(*both)
        told = [answers.get() for _ in range(80)]
        assert seats_left(led) == 40
        # Both were told the same positions; to one of them each was new.
        assert len({(id_, position) for id_, position, _ in told}) == 40
        assert sum(not duplicate for *_, duplicate in told) == 40


def test_two_writers_of_one_aggregate_lose_nothing(store_url: str) -> None:
    with hands(store_url) as led:
        led.open(seats=0)
        ready, answers = PROCESSES.Barrier(2), PROCESSES.Queue()
        both = [
            PROCESSES.Process(
                target=adding,
                args=(
                    store_url,
                    ready,
                    [AddSeats(show="Hamlet", seats=1) for _ in range(40)],
                    answers,
                ),
            )
            for _ in "ab"
        ]
        joined(*both)
        assert len([answers.get() for _ in range(80)]) == 80
        assert seats_left(led) == 80


def test_a_command_that_another_writer_overtakes_is_tried_again(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url) as other:
        led.open(seats=0)
        house = led.runner.get(House)
        tries = 0

        def overtake() -> None:
            nonlocal tries
            tries += 1
            if tries < 5:
                other.runner.get(House).add(AddSeats(show="Hamlet", seats=10))

        house.meanwhile = overtake
        assert not house.add(AddSeats(show="Hamlet", seats=1)).duplicate
        assert tries == 5
        assert seats_left(led) == 41


# Batches


def test_a_refused_command_does_not_stop_the_others(store_url: str) -> None:
    with hands(store_url) as led:
        known = wish("Ada")
        desk = led.runner.get(Desk)
        desk.want(known)
        again = known.model_copy(update={"id": uuid4()})
        receipts = desk.execute([wish("Bea"), again, wish("Cy"), again, wish("Dan")])
        assert [type(x.error) for x in receipts] == [
            type(None),
            AlreadyWanted,
            type(None),
            AlreadyWanted,
            type(None),
        ]
        assert [x.position for x in receipts] == ["desk:2", None, "desk:3", None, "desk:4"]
        assert len(named(led.runner, Desk)) == 4


def test_a_refused_command_may_be_given_again(store_url: str) -> None:
    with hands(store_url) as led:
        house = led.runner.get(House)
        add = AddSeats(show="Hamlet", seats=1)
        with pytest.raises(AggregateNotFoundError):
            house.add(add)
        led.open()
        assert not house.add(add).duplicate


def test_what_cannot_be_stored_refuses_one_command(store_url: str) -> None:
    with hands(store_url) as led:

        class Cursing(GoodBank):
            def answer(self, key: str) -> Declined | Paid:
                return Declined("\ud800") if self.asked.total() == 2 else Paid("good")

        till = led.runner.get(Till)
        till.bank = Cursing()
        receipts = till.execute([TakeFee(booking_id=uuid4()) for _ in "abc"])
        assert [type(each.error) for each in receipts] == [type(None), NotStorable, type(None)]
        assert named(led.runner, Till) == ["Fee.Asked", "Fee.Paid"] * 2


class Seat(Command):
    """Adds seats and says how many there are; refused, after all, where `fails` is set."""

    show: str
    seats: int
    fails: bool = False


class Full(Exception):
    pass


class Usher(Application, aggregates=[Show]):
    """Somebody whose refusals come late: what was to be changed is changed by then."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.seen: list[int] = []

    @handles(Seat, loads=lambda command: [Show.create_id(command.show)])
    def seat(self, command: Seat) -> Show:
        (show,) = self.repository.find(Show, [Show.create_id(command.show)])
        show = show or Show(show=command.show, seats=0)
        self.seen.append(show.left)
        show.add(command.seats)
        if command.fails:
            self.set_timer(SetTimer("late", seconds(1), command))
            raise Full(command.show)
        return show


def usher_at(url: str) -> Usher:
    return Usher({**env(url), "PERSISTENCE_MODULE": "sagaline.storage"})


def test_what_a_refused_command_has_changed_is_undone(store_url: str) -> None:
    usher = usher_at(store_url)
    usher.execute_one(Seat(show="Hamlet", seats=10))
    usher.seen.clear()
    receipts = usher.execute(
        [
            Seat(show="Hamlet", seats=1),
            Seat(show="Hamlet", seats=5, fails=True),
            Seat(show="Hamlet", seats=2),
            Seat(show="Lear", seats=5, fails=True),
            Seat(show="Lear", seats=3),
            Seat(show="Lear", seats=5, fails=True),
            Seat(show="Hamlet", seats=4),
        ]
    )
    assert [type(each.error) for each in receipts] == [
        type(None), Full, type(None), Full, type(None), Full, type(None),
    ]  # fmt: skip
    assert usher.seen == [10, 11, 11, 0, 0, 3, 13], "each is asked once, and sees what stands"
    for show, left in (("Hamlet", 17), ("Lear", 3)):
        found: Show = usher.repository.get(Show.create_id(show))
        assert found.left == left
    with usher.datastore.read() as connection:
        assert pending_timers(connection) == 0
    usher.close()


def test_many_refusals_ask_no_command_twice(sqlite_store: str) -> None:
    usher = usher_at(sqlite_store)
    receipts = usher.execute([Seat(show=str(n), seats=1, fails=n % 2 == 0) for n in range(200)])
    assert sum(each.error is not None for each in receipts) == 100
    assert len(usher.seen) == 200
    usher.close()


def test_a_refusal_beside_what_another_writer_has_just_added(store_url: str) -> None:
    other = usher_at(store_url)
    other.execute_one(Seat(show="Hamlet", seats=10))

    class Overtaken(Usher):
        name = "Usher"

        @handles(Seat)
        def seat(self, command: Seat) -> Show:
            if command.fails and len(self.seen) == 1:
                Context().run(other.execute_one, Seat(show="Hamlet", seats=100))
            seated: Show = Usher.seat.function(self, command)
            return seated

    usher = Overtaken({**env(store_url), "PERSISTENCE_MODULE": "sagaline.storage"})
    seat, refused = Seat(show="Hamlet", seats=1), Seat(show="Hamlet", seats=5, fails=True)
    first, second = usher.execute([seat, refused])
    assert (first.error, type(second.error)) == (None, Full)
    assert usher.seen == [10, 11, 110, 111], "all are asked again, on what is there now"
    found: Show = other.repository.get(Show.create_id("Hamlet"))
    assert found.left == 111
    for each in (usher, other):
        each.close()


def test_a_store_that_does_not_answer_is_no_refusal(sqlite_store: str) -> None:
    class Looking(Usher):
        name = "Usher"

        @handles(Seat)
        def seat(self, command: Seat) -> Show:
            seated: Show = Usher.seat.function(self, command)
            return seated

    usher = Looking({**env(sqlite_store), "PERSISTENCE_MODULE": "sagaline.storage"})
    usher.execute_one(Seat(show="Hamlet", seats=10))
    commands = [Seat(show="Lear", seats=1), Seat(show="Hamlet", seats=1)]
    with outside(sqlite_store) as connection:
        connection.exec_driver_sql("ALTER TABLE usher_events RENAME TO away")
        with pytest.raises(OperationalError, match="usher_events"):
            usher.execute(commands)
        connection.exec_driver_sql("ALTER TABLE away RENAME TO usher_events")
    receipts = usher.execute(commands)
    assert [(each.error, each.duplicate) for each in receipts] == [(None, False)] * 2
    usher.close()


def test_a_command_without_events_has_no_position_and_counts_once(store_url: str) -> None:
    with hands(store_url) as led:
        ask = AskForReminder(guest="Ada", after=60)
        porter = led.runner.get(Porter)
        assert [porter.ask_for_one(ask).duplicate for _ in "ab"] == [False, True]
        assert porter.ask_for_one(ask).position is None


def test_a_person_hears_at_once_that_a_port_is_down(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:

        class Down:
            def collect(self, key: str) -> Any:
                raise ConnectionError("down")

        till = led.runner.get(Till)
        till.bank = Down()
        with pytest.raises(ConnectionError):
            till.take(TakeFee(booking_id=uuid4()))
        assert named(led.runner, Till) == []


def test_nothing_at_all_is_a_batch(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        assert led.runner.get(Desk).execute([]) == []


# The identity map


def unit_of(led: Hands) -> UnitOfWork:
    return handling_of(led.runner.get(House)).new_unit()


def test_all_handlers_of_a_batch_see_the_same_aggregate(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        unit = unit_of(led)
        id_ = Show.create_id("Hamlet")
        assert unit.get(id_) is unit.get(id_)
        assert unit.find([id_, uuid4()]) == [unit.get(id_), None]
        with pytest.raises(AggregateNotFoundError):
            unit.get(Show.create_id("Lear"))


def test_what_was_not_there_is_looked_for_again_in_the_next_batch(store_url: str) -> None:
    with hands(store_url) as led:
        unit = unit_of(led)
        lear = Show.create_id("Lear")
        assert unit.find([lear]) == [None]
        unit.after_commit()
        led.open("Lear")
        assert unit.get(lear).left == 100


def test_what_others_have_changed_is_read_again(store_url: str) -> None:
    with hands(store_url) as led:
        led.open("Hamlet", 10)
        led.open("Lear", 10)
        unit = unit_of(led)
        unit.refresh()
        hamlet, lear = unit.find([Show.create_id("Hamlet"), Show.create_id("Lear")])
        led.runner.get(House).add(AddSeats(show="Hamlet", seats=1))
        unit.refresh()
        assert unit.get(hamlet.id).left == 11
        assert unit.get(lear.id) is lear


def test_a_change_that_is_rolled_back_is_forgotten(store_url: str) -> None:
    with hands(store_url) as led:
        led.open("Hamlet", 10)
        unit = unit_of(led)
        unit.trace = Trace("key", "cause", 1)
        show = unit.get(Show.create_id("Hamlet"))
        show.add(5)
        unit.record([])
        assert unit.size == 1
        unit.roll_back()
        assert unit.size == 0
        assert unit.get(show.id).left == 10


def test_what_a_unit_has_written_it_need_not_read(store_url: str) -> None:
    with hands(store_url) as led:
        led.open("Hamlet", 10)
        unit = unit_of(led)
        unit.refresh()
        show = unit.get(Show.create_id("Hamlet"))
        unit.trace = Trace("key", "cause", 1)
        show.add(5)
        unit.record([show])
        house = led.runner.get(House)
        with house.datastore.write() as connection:
            assert list(unit.write(connection)) == [2]
        before, messages = unit.after_commit()
        assert (before, [x.id for x in messages]) == (1, [2])
        assert (messages[0].key, messages[0].cause, messages[0].hop) == ("key", "cause", 1)
        unit.refresh()
        assert unit.get(show.id) is show


def test_a_timer_is_set_inside_a_handler_only(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        remind = SetTimer("1", seconds(1), Remind(guest="Ada", words="now"))
        with pytest.raises(LookupError):
            led.runner.get(Porter).set_timer(remind)


def test_aggregates_can_be_asked_for_outside_a_handler(store_url: str) -> None:
    with hands(store_url) as led:
        wanted = wish()
        led.want(wanted)
        repository = led.runner.get(Desk).repository
        found: list[Booking | None] = repository.find(Booking, [wanted.booking_id, uuid4()])
        assert found[0] is not None
        assert found[0].open
        assert found[1] is None
        assert repository.get(wanted.booking_id, version=1).version == 1


# Handlers


class Ping(Command):
    pass


def test_a_handler_must_not_take_the_name_of_something_that_is_there() -> None:
    with pytest.raises(DefinitionError, match=r"Box\.save: Application has a save of its own"):

        class Box(Application):
            @handles(Ping)
            def save(self, command: Ping) -> None: ...  # type: ignore[override]


def test_a_command_has_one_handler() -> None:
    with pytest.raises(DefinitionError, match="a second handler of Ping"):

        class Box(Application):
            @handles(Ping)
            def once(self, command: Ping) -> None: ...

            @handles(Ping)
            def twice(self, command: Ping) -> None: ...


# Clocks


def test_a_clock_is_given_to_each_application(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        assert led.runner.get(Porter).now() == led.clock() == datetime(2026, 1, 1, 20, tzinfo=UTC)
