"""Events that a follower cannot handle are parked, with later ones of their key, and no others."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import text
from typing_extensions import override

from sagaline.messaging.interruption import Interrupted
from tests.sagaline.small_system import (
    AskForReminder,
    Declined,
    Desk,
    GoodBank,
    Hands,
    Hold,
    House,
    Later,
    OpenShow,
    Paid,
    Porter,
    Remind,
    Show,
    Till,
    WantSeats,
    events,
    guest_list,
    hands,
    letters,
    named,
    reached,
    recorder,
    rows_of,
    show_list,
    statuses,
    timers,
    trouble,
    wish,
    wrong,
)
from tests.sagaline.storage.stores import outside

Parked = tuple[str, str, int, str | None, int]


def parked(led: Hands) -> list[Parked]:
    """The follower, topic, key and attempts of each dead letter."""
    return [(x.follower, x.leader, x.position, x.key, x.attempts) for x in letters(led.runner)]


def wishes(count: int) -> list[WantSeats]:
    return [wish(f"guest {each}") for each in range(count)]


@pytest.mark.parametrize("at", [0, 2, 4])
def test_an_event_that_fails_is_parked_and_its_siblings_are_applied_once(
    store_url: str, at: int
) -> None:
    with hands(store_url) as led:
        led.open()
        wanted = wishes(5)
        led.want(*wanted)
        key = str(wanted[at].booking_id)
        with trouble.at("guest_list", key, ValueError("no such guest")):
            led.settle("guest_list")
        others = {each.booking_id for each in wanted} - {UUID(key)}
        assert rows_of(led.runner, guest_list).keys() == others
        assert {row[2] for row in rows_of(led.runner, guest_list).values()} == {1}
        assert reached(led.runner, "guest_list", "Desk") == 5
        assert parked(led) == [("guest_list", "Desk", at + 1, key, 3)]
        (letter,) = letters(led.runner)
        assert letter.error == "ValueError: no such guest"
        assert letter.topic.endswith(":Booking.Wanted")
        assert "raise bug\nValueError: no such guest" in letter.traceback
        assert letter.parked_at.tzinfo is not None


class Unusual(BaseException):
    """What a library raises that no program should catch."""


class Unspeakable(Exception):
    """An error whose text cannot be made."""

    @override
    def __str__(self) -> str:
        raise ValueError("no text")


BUGS = [
    SystemExit("no"),
    SystemExit(0),
    asyncio.CancelledError(),
    GeneratorExit(),
    RecursionError(),
    Unusual("no"),
    Unspeakable(),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda each: f"{type(each).__name__} {each.args}")
@pytest.mark.parametrize("where", ["guest_list", "House", "Evening", "loads", "show_list keys"])
def test_whatever_a_handler_raises_is_about_its_event(
    sqlite_store: str, where: str, bug: BaseException
) -> None:
    with hands(sqlite_store) as led:
        led.open()
        ada, bea = wishes(2)
        with trouble.at(where, ada.booking_id, bug):
            led.want(ada, bea)
            led.settle()
        assert [(x.key, x.attempts) for x in letters(led.runner) if x.attempts] == [
            (str(ada.booking_id), 3)
        ]
        assert letters(led.runner)[0].error.startswith(type(bug).__name__)
        assert rows_of(led.runner, guest_list)[bea.booking_id][1] == "confirmed"


def test_a_bug_that_would_end_the_program_is_parked_on_either_database(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, bea = wishes(2)
        led.want(ada, bea)
        with trouble.at("guest_list", ada.booking_id, SystemExit("no")):
            led.settle("guest_list")
        assert rows_of(led.runner, guest_list).keys() == {bea.booking_id}
        assert [x.error for x in letters(led.runner)] == ["SystemExit: no"]


@pytest.mark.parametrize("bug", [KeyboardInterrupt(), Interrupted(0)])
def test_ctrl_c_and_signals_are_about_no_event(sqlite_store: str, bug: BaseException) -> None:
    with hands(sqlite_store) as led:
        led.want(*wishes(2))
        (ada, *_) = [each.originator_id for each in events(led.runner, Desk)]
        with trouble.at("guest_list", ada, bug), pytest.raises(type(bug)):
            led.settle("guest_list")
        assert letters(led.runner) == []
        led.settle("guest_list")
        assert len(rows_of(led.runner, guest_list)) == 2


def test_what_no_signal_can_have_raised_is_about_its_event(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        ada, bea = wishes(2)
        led.want(ada, bea)
        with trouble.at("guest_list", ada.booking_id, KeyboardInterrupt()):
            runner = Thread(target=led.settle, args=["guest_list"])
            runner.start()
            runner.join()
        assert rows_of(led.runner, guest_list).keys() == {bea.booking_id}
        assert [x.error for x in letters(led.runner)] == ["KeyboardInterrupt: "]


def test_a_command_that_would_end_the_program_stops_no_other(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        porter = led.runner.get(Porter)
        words = [Remind(guest=each, words="soon") for each in ("Ada", "Bea")]
        with trouble.at("Porter", "Ada", SystemExit("no")):
            refused, done = porter.execute(words)
            with pytest.raises(SystemExit):
                porter.remind(words[0])
        assert (type(refused.error), done.error) == (SystemExit, None)
        assert not porter.remind(words[0]).duplicate


def test_later_events_of_its_key_wait_behind_it_and_other_keys_go_on(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, bea, cy = wishes(3)
        led.want(ada, bea)
        key = str(ada.booking_id)
        with trouble.at("guest_list", key):
            led.settle()
        led.want(cy)
        led.settle()
        assert statuses(led.runner) == {"confirmed": 2}
        topics = [(x.position, x.key, x.topic.rpartition(".")[2]) for x in letters(led.runner)]
        assert topics == [(1, key, "Wanted"), (3, key, "Confirmed")]
        assert [x.attempts for x in letters(led.runner)] == [3, 0]
        assert letters(led.runner)[1].error == "queued after an earlier event"
        # No other follower waits for it: the saga has ended this booking, too.
        assert named(led.runner, Desk).count("Booking.Confirmed") == 3
        assert rows_of(led.runner, show_list) == {"Hamlet": (3,)}


def test_parked_events_stay_parked_after_a_restart(store_url: str) -> None:
    ada, bea = wishes(2)
    with hands(store_url) as led, trouble.at("guest_list", ada.booking_id):
        led.open()
        led.want(ada)
        led.settle("guest_list")
    with hands(store_url) as led:
        led.want(bea)
        led.settle()
        assert statuses(led.runner) == {"confirmed": 1}
        assert [x.position for x in letters(led.runner)] == [1, 3]


def test_two_poison_events_in_one_batch_with_a_parked_key_between_them(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, bea, cy, dan = wishes(4)
        led.want(ada)
        with trouble.at("guest_list", ada.booking_id):
            led.settle("guest_list")
        led.settle("Evening", "House", "Till")
        led.want(bea)
        led.settle("Desk")
        # In one batch: Bea's first, Ada's second, whose first is parked, then others.
        led.want(cy, dan)
        with trouble.at("guest_list", bea.booking_id), trouble.at("guest_list", cy.booking_id):
            led.settle("guest_list")
        assert [(x.position, x.attempts) for x in letters(led.runner)] == [
            (1, 3),
            (2, 3),
            (3, 0),
            (4, 3),
        ]
        led.settle()
        assert statuses(led.runner) == {"confirmed": 1}
        assert list(rows_of(led.runner, guest_list)) == [dan.booking_id]


def test_a_bug_in_a_participant_stops_one_booking(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, *others = wishes(5)
        led.want(ada, *others)
        with trouble.at("House", ada.booking_id):
            led.settle()
        assert parked(led) == [("House", "Evening", 2, str(ada.booking_id), 3)]
        assert statuses(led.runner) == {"wanted": 1, "confirmed": 4}
        # The changes of the failed handler were never written.
        show = led.runner.get(House).repository.get(Show.create_id("Hamlet"))
        assert show.left == 96


def test_a_bug_in_a_saga_stops_one_instance(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, *others = wishes(5)
        led.want(*others[:2], ada, *others[2:])
        with trouble.at("Evening", ada.booking_id):
            led.settle()
        assert parked(led) == [("Evening", "Desk", 3, str(ada.booking_id), 3)]
        assert statuses(led.runner) == {"wanted": 1, "confirmed": 4}


@pytest.mark.parametrize(
    ("where", "follower"), [("loads", "House"), ("show_list keys", "show_list")]
)
def test_a_failing_loads_hint_stops_one_event(store_url: str, where: str, follower: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, *others = wishes(5)
        led.want(*others[:2], ada, *others[2:])
        # Once a row exists, the rows of a batch are read before its events are handled.
        put_on(led, "Lear")
        with trouble.at(where, ada.booking_id):
            led.settle()
        assert [each[0] for each in parked(led)] == [follower]
        assert letters(led.runner)[0].key == str(ada.booking_id)
        taken = 4 if follower == "show_list" else 5
        assert rows_of(led.runner, show_list) == {"Hamlet": (taken,), "Lear": (0,)}


def put_on(led: Hands, show: str) -> None:
    with led.runner.views.write() as connection:
        connection.execute(show_list.insert(), {"show": show, "wanted": 0})


def test_an_unreadable_event_is_parked_by_each_of_its_followers(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        led.want(*wishes(3))
        with outside(store_url) as connection:
            connection.execute(
                text("UPDATE desk_events SET state = :state WHERE id = 2"), {"state": b"{broken"}
            )
        led.settle()
        who = {(x.follower, x.position) for x in letters(led.runner)}
        assert who == {("Evening", 2), ("guest_list", 2), ("show_list", 2)}
        assert all(x.error.startswith("Unreadable") for x in letters(led.runner))
        assert statuses(led.runner) == {"confirmed": 2}


class CursingBank(GoodBank):
    """Its error texts cannot be encoded in UTF-8."""

    @override
    def answer(self, key: str) -> Paid | Declined | Later:
        return Declined("no \ud800") if key == self.victim else Paid("good")

    victim = ""


def test_what_cannot_be_stored_is_parked_and_the_batch_goes_on(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, *others = wishes(4)
        bank = CursingBank()
        bank.victim = str(ada.booking_id)
        led.runner.get(Till).bank = bank
        led.want(ada, *others)
        led.settle()
        assert [(x[0], x[3]) for x in parked(led)] == [("Till", bank.victim)]
        assert letters(led.runner)[0].error.startswith("NotStorable")
        assert statuses(led.runner) == {"wanted": 1, "confirmed": 3}


def test_a_value_that_does_not_fit_its_column_is_parked(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        crowd = wish("Ada", seats=2**63)
        led.want(crowd, wish("Bea"))
        led.settle()
        assert parked(led) == [("show_list", "Desk", 1, str(crowd.booking_id), 3)]
        assert rows_of(led.runner, show_list) == {"Hamlet": (1,)}
        assert statuses(led.runner) == {"confirmed": 1, "cancelled": 1}


def test_a_row_that_the_server_refuses_is_parked(postgres_store: str) -> None:
    """A key that is too long for an index is not a passing fault of the store."""
    with hands(postgres_store) as led:
        # Different characters, as the server compresses equal ones.
        long = "".join(map(str, range(5_000)))
        led.open()
        led.runner.get(House).open(OpenShow(show=long, seats=3))
        led.want(wish("Ada", long), wish("Bea"))
        led.settle("show_list")
        assert [x[:3] for x in parked(led)] == [("show_list", "Desk", 1)]
        assert rows_of(led.runner, show_list) == {"Hamlet": (1,)}


def test_an_error_text_that_no_store_accepts_is_escaped(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada, bea = wishes(2)
        led.want(ada, bea)
        with trouble.at("guest_list", ada.booking_id, ValueError("a zero \0, a half \ud800")):
            led.settle("guest_list")
        (letter,) = letters(led.runner)
        assert letter.error == "ValueError: a zero \\0, a half \\ud800"
        assert len(rows_of(led.runner, guest_list)) == 1


def test_a_handler_that_writes_an_existing_version_is_parked(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        ada, bea = wishes(2)
        led.want(ada, bea)
        house = led.runner.get(House)
        tries = 0

        def count() -> None:
            nonlocal tries
            tries += 1

        house.meanwhile = count
        led.settle("Evening")
        # Seats are held for Ada outside the saga, with the id that her hold will have.
        house.save(Hold(booking_id=ada.booking_id))
        led.settle()
        assert [(x.follower, x.key) for x in letters(led.runner)] == [
            ("House", str(ada.booking_id))
        ]
        assert tries < 15
        assert statuses(led.runner) == {"wanted": 1, "confirmed": 1}


# Timers


class LateBank(GoodBank):
    """Publishes each fee after some time."""

    @override
    def answer(self, key: str) -> Paid | Later:
        return Later(timedelta(minutes=1)) if self.asked[key] == 1 else Paid("late")


def late(led: Hands, wanted: Sequence[WantSeats]) -> None:
    led.runner.get(Till).bank = LateBank()
    led.open()
    led.want(*wanted)
    led.settle()
    assert len(timers(led.runner, "Till")) == len(wanted)


def test_a_timer_that_fails_is_parked_and_the_others_fire(store_url: str) -> None:
    with hands(store_url) as led:
        ada, bea, cy = wishes(3)
        late(led, [ada, bea, cy])
        led.clock.turn(timedelta(minutes=1))
        with trouble.at("CollectFee", bea.booking_id):
            while led.fire():
                pass
        timer = f"timer:collect:{bea.booking_id}"
        assert parked(led) == [("Till", timer, 0, str(bea.booking_id), 3)]
        led.settle()
        assert statuses(led.runner) == {"wanted": 1, "confirmed": 2}
        # Its command is kept for an operator, and delays no other follower.
        (kept,) = timers(led.runner, "Till")
        assert kept.id == f"collect:{bea.booking_id}"
        assert kept.state
        assert not led.fire()


def test_a_timer_of_a_parked_key_is_queued(store_url: str) -> None:
    with hands(store_url) as led:
        ada, bea = wishes(2)
        led.open()
        led.want(ada, bea)
        led.settle("Evening", "House")
        assert len(timers(led.runner, "Evening")) == 2
        # A failing answer parks Ada's key for the saga, whose timeout is not due yet.
        led.settle("Till")
        with outside(store_url) as connection:
            highest = recorder(led.runner, Till).page(0, 100).rows
            (hers,) = [x.id for x in highest if x.key == str(ada.booking_id) and "Paid" in x.topic]
            connection.execute(
                text("UPDATE till_events SET state = :state WHERE id = :id"),
                {"state": b"{broken", "id": hers},
            )
        with hands(store_url, led.clock) as fresh:
            fresh.settle()
            assert [(x.follower, x.attempts) for x in letters(fresh.runner)] == [("Evening", 3)]
            fresh.clock.turn(timedelta(minutes=10))
            for _ in range(3):
                fresh.fire()
                fresh.settle()
            assert [(x.leader, x.attempts) for x in letters(fresh.runner)] == [
                ("Till", 3),
                (f"timer:{ada.booking_id}:take_fee:timeout", 0),
            ]
            assert len(timers(fresh.runner, "Evening")) == 1
            assert statuses(fresh.runner) == {"wanted": 1, "confirmed": 1}
            assert fresh.runner.settled()


def test_a_timer_that_is_set_again_may_be_parked_again(store_url: str) -> None:
    with hands(store_url) as led:
        porter = led.runner.get(Porter)
        with trouble.at("Porter", "Ada"):
            for words in ("soon", "now"):
                porter.ask_for_one(AskForReminder(guest="Ada", after=60, words=words))
                led.clock.turn(timedelta(seconds=60))
                led.turn("Porter")
                led.fire("Porter")
        assert [x[:2] for x in parked(led)] == [("Porter", "timer:Ada")]
        (kept,) = timers(led.runner, "Porter")
        assert b"now" in kept.state


def test_no_event_is_parked_without_a_failure(store_url: str) -> None:
    with hands(store_url) as led:
        led.open(seats=2)
        led.want(*wishes(5))
        led.settle()
        assert wrong(led.runner) == []
        assert letters(led.runner) == []
