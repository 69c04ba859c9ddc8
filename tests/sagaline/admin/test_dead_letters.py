"""Retry and discard of dead letters: in order, once, with or without an active runner."""

from contextvars import Context
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from sagaline.admin.dead_letters import Retried, discard, retry
from sagaline.admin.letter_queue import LETTERS_AT_ONCE, LetterQueue
from sagaline.errors import LetterBusy, LetterUnknown
from sagaline.messaging.message import Message
from sagaline.storage.tables.dead_letters import Letter, add_letters
from tests.sagaline.small_system import (
    AskForReminder,
    Hands,
    Porter,
    Reminder,
    events,
    fence,
    guest_list,
    hands,
    letters,
    rows_of,
    show_list,
    statuses,
    timers,
    trouble,
    wish,
    wrong,
)


def first_letter(led: Hands) -> Letter:
    return letters(led.runner)[0]


def throw_away(led: Hands, letter: Letter) -> None:
    with led.runner.views.write() as connection:
        discard(connection, letter)


def parked_guest(led: Hands) -> UUID:
    """A guest whose rows cannot be written, from the first event on."""
    led.open()
    ada = wish("Ada")
    led.want(ada, wish("Bea"))
    with trouble.at("guest_list", ada.booking_id):
        led.settle()
    assert [each.place for each in letters(led.runner)] == ["desk:1", "desk:3"]
    return ada.booking_id


def test_a_retry_restores_the_order_of_its_key(store_url: str) -> None:
    with hands(store_url) as led:
        ada = parked_guest(led)
        # Any of them may be named.
        assert retry(led.runner, letters(led.runner)[1]) == Retried(2, 0, None)
        assert letters(led.runner) == []
        assert rows_of(led.runner, guest_list)[ada] == ("Ada", "confirmed", 2)
        led.settle()
        assert wrong(led.runner) == []


def test_after_a_retry_any_runner_processes_the_key_again(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url, led.clock) as other:
        led.open()
        ada = wish("Ada")
        led.want(ada)
        with trouble.at("guest_list", ada.booking_id):
            led.settle("guest_list")
        other.turn("guest_list")
        retry(led.runner, first_letter(led))
        # It read the parked keys before the retry: the fence makes it read them again.
        other.settle()
        assert letters(led.runner) == []
        assert statuses(led.runner) == {"confirmed": 1}


def test_a_letter_that_fails_again_stays_with_its_new_error_and_so_do_those_queued_after_it(
    store_url: str,
) -> None:
    with hands(store_url) as led:
        ada = parked_guest(led)
        before = letters(led.runner)
        with trouble.at("guest_list", ada, ValueError("still no such guest")):
            done = retry(led.runner, before[0])
        assert done == Retried(0, 2, "ValueError: still no such guest")
        first, second = letters(led.runner)
        assert (first.error, first.attempts) == ("ValueError: still no such guest", 4)
        assert (first.parked_at, second) == (before[0].parked_at, before[1])
        assert retry(led.runner, first).taken == 2


def test_a_parked_command_is_executed_by_a_retry(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada = wish("Ada")
        led.want(ada)
        with trouble.at("House", ada.booking_id):
            led.settle()
        assert statuses(led.runner) == {"wanted": 1}
        assert retry(led.runner, first_letter(led)) == Retried(1, 0, None)
        led.settle()
        assert statuses(led.runner) == {"confirmed": 1}
        assert wrong(led.runner) == []


def test_a_saga_continues_from_its_parked_event(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        ada = wish("Ada")
        led.want(ada)
        with trouble.at("Evening", ada.booking_id):
            led.settle()
        assert retry(led.runner, first_letter(led)).taken == 1
        led.settle()
        assert statuses(led.runner) == {"confirmed": 1}


def parked_reminder(led: Hands) -> Letter:
    porter = led.runner.get(Porter)
    porter.ask_for_one(AskForReminder(guest="Ada", after=60))
    led.clock.turn(timedelta(minutes=1))
    led.settle("Porter")
    with trouble.at("Porter", "Ada"):
        led.fire("Porter")
    assert first_letter(led).id == "Porter/timer:Ada"
    return first_letter(led)


def test_a_timer_whose_handler_failed_fires_once_by_a_retry(store_url: str) -> None:
    with hands(store_url) as led:
        letter = parked_reminder(led)
        assert retry(led.runner, letter) == Retried(1, 0, None)
        assert timers(led.runner, "Porter") == []
        assert not led.fire("Porter")
        given = [each for each in events(led.runner, Porter) if isinstance(each, Reminder.Given)]
        assert len(given) == 1


def test_a_discarded_timer_never_fires(store_url: str) -> None:
    with hands(store_url) as led:
        letter = parked_reminder(led)
        before = fence(led.runner, "Porter")
        throw_away(led, letter)
        assert fence(led.runner, "Porter") == before + 1
        with pytest.raises(LetterUnknown):
            throw_away(led, letter)
        assert fence(led.runner, "Porter") == before + 1
        assert timers(led.runner, "Porter") == []
        assert letters(led.runner) == []


def test_a_discarded_event_is_not_processed_and_others_are(store_url: str) -> None:
    with hands(store_url) as led:
        ada = parked_guest(led)
        _, second = letters(led.runner)
        throw_away(led, second)
        assert retry(led.runner, first_letter(led)) == Retried(1, 0, None)
        assert rows_of(led.runner, guest_list)[ada] == ("Ada", "wanted", 1)


def overtake(other: Hands) -> None:
    """What another runner does meanwhile: it knows nothing of the handler that runs here."""
    other.want(wish("Cy"))
    other.settle("guest_list")


def test_a_retry_that_is_fenced_out_tries_again(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url, led.clock) as other:
        ada = parked_guest(led)
        follower = led.followers["guest_list"]
        processor, overtaken = follower._processor, iter([True, True])
        handle = processor.handle

        def slow(message: Message) -> None:
            handle(message)
            if next(overtaken, False):
                Context().run(overtake, other)

        processor.handle = slow  # type: ignore[method-assign]
        assert retry(led.runner, first_letter(led)) == Retried(2, 0, None)
        assert rows_of(led.runner, guest_list)[ada] == ("Ada", "confirmed", 2)


def test_changes_of_another_runner_between_two_retries_are_kept(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url, led.clock) as other:
        led.open()
        for each in (wish("Ada"), wish("Bea")):
            led.want(each)
            with trouble.at("show_list keys", each.booking_id):
                led.settle("show_list")
        first, second = letters(led.runner)
        assert retry(led.runner, first) == Retried(1, 0, None)
        led.want(wish("Cy"))
        other.settle("show_list")
        assert retry(led.runner, second) == Retried(1, 0, None)
        assert rows_of(led.runner, show_list) == {"Hamlet": (3,)}


def test_a_retry_that_is_always_fenced_out_is_refused(sqlite_store: str) -> None:
    with hands(sqlite_store) as led, hands(sqlite_store, led.clock) as other:
        parked_guest(led)
        follower = led.followers["guest_list"]
        processor = follower._processor
        handle = processor.handle

        def slow(message: Message) -> None:
            handle(message)
            Context().run(overtake, other)

        processor.handle = slow  # type: ignore[method-assign]
        with pytest.raises(LetterBusy, match="desk:1"):
            retry(led.runner, first_letter(led))
        assert len(letters(led.runner)) == 2


def test_the_letters_of_a_key_are_retried_in_the_order_of_their_log(store_url: str) -> None:
    """Machines that parked them have clocks of their own, and there are more than one page."""
    with hands(store_url) as led:
        led.open()
        led.want(*[wish(f"guest {number}") for number in range(LETTERS_AT_ONCE + 50)])
        positions = range(1, LETTERS_AT_ONCE + 51)
        with led.runner.views.write() as connection:
            add_letters(connection, [parked_earlier(each) for each in positions])
        processor = led.followers["guest_list"]._processor
        handle, handled = processor.handle, list[int]()

        def noted(message: Message) -> None:
            handled.append(message.id)
            handle(message)

        processor.handle = noted  # type: ignore[method-assign]
        assert retry(led.runner, first_letter(led)) == Retried(len(positions), 0, None)
        assert handled == list(positions)


def parked_earlier(position: int) -> Letter:
    """A letter that was parked before those of all lower positions, by the clock of a machine."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=position)
    return Letter("guest_list", "Desk", position, "a key", "a topic", "", "", 3, moment)


def test_a_cause_in_another_log_is_retried_before_its_effect(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        led.want(wish("Ada"))
        led.settle()
        effect = parked_earlier(2)._replace(follower="Evening")
        cause = effect._replace(leader="House", position=2, parked_at=datetime.now(UTC))
        assert effect.parked_at < cause.parked_at
        with led.runner.views.write() as connection:
            add_letters(connection, [effect, cause])
        queue = LetterQueue(led.followers["Evening"], effect)
        order: list[str] = []
        while (queued := queue.first()) is not None and len(order) < queue.count():
            order.append(queued.letter.place)
            queue.remove(queued.letter)
        assert order == ["house:2", "desk:2"]
