"""The window over the newest part of a log: it has no gaps."""

import pytest

from sagaline.codec import WantedTopics
from sagaline.followers.log_window import (
    FIRST_PAGE_SIZE,
    MIN_DISCARDED,
    READ_PAGE_SIZE,
    WINDOW_BYTES,
    WINDOW_EVENTS,
    LogWindow,
)
from sagaline.messaging.message import Message
from tests.sagaline.small_system import AddSeats, Desk, Hands, House, Show, hands, wish
from tests.sagaline.storage.stores import outside

OPENED = WantedTopics([Show.Opened])
BOTH = WantedTopics([Show.Opened, Show.Added])


def window_of(
    led: Hands, max_events: int = WINDOW_EVENTS, max_bytes: int = WINDOW_BYTES
) -> LogWindow:
    house = led.runner.get(House)
    return LogWindow("House", house.recorder, house.mapper, max_events, max_bytes)


def added(led: Hands, count: int) -> None:
    led.runner.get(House).execute([AddSeats(show="Hamlet", seats=1) for _ in range(count)])


def ids(window: LogWindow, after: int, limit: int = 100) -> list[int]:
    return [each.id for each in window.read(after, limit, None).messages]


MEBIBYTE = 1024 * 1024


def large(id_: int) -> Message:
    return Message("House", id_, "tests.sagaline.small_system:Show.Added", size=MEBIBYTE)


def message(id_: int) -> Message:
    return Message("House", id_, "tests.sagaline.small_system:Show.Added")


def test_a_refresh_reads_what_other_processes_have_written(store_url: str) -> None:
    with hands(store_url) as led:
        window = window_of(led)
        assert not window.refresh()
        led.open()
        added(led, 3)
        assert window.refresh()
        assert ids(window, 0) == [1, 2, 3, 4]
        assert not window.refresh()
        assert window.complete


def test_a_commit_that_joins_the_window_is_appended(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        window = window_of(led)
        window.refresh()
        window.append(1, [message(2), message(3)])
        assert ids(window, 0) == [1, 2, 3]
        # Ids have gaps of their own: the id before the commit decides.
        window.append(3, [message(7)])
        assert ids(window, 1) == [2, 3, 7]
        assert window.head == 7


def test_a_commit_after_a_gap_is_not_appended(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        window = window_of(led)
        window.refresh()
        added(led, 3)
        window.append(3, [message(4)])
        assert window.head == 1
        window.refresh()
        assert ids(window, 0) == [1, 2, 3, 4]


def test_no_message_is_appended_twice(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 1)
        window = window_of(led)
        window.refresh()
        window.append(1, [message(2)])
        window.append(2, [])
        assert ids(window, 0) == [1, 2]


def test_a_follower_before_the_window_reads_the_store(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 5)
        window = window_of(led)
        window.start_at(4)
        window.refresh()
        assert ids(window, 4) == [5, 6]
        first = window.read(0, 3, None)
        assert ([x.id for x in first.messages], first.upto) == ([1, 2, 3], 3)
        second = window.read(3, 3, None)
        assert ([x.id for x in second.messages], second.upto) == ([4], 4)


def test_a_follower_after_the_known_head_keeps_its_position(store_url: str) -> None:
    with hands(store_url) as led:
        window = window_of(led)
        assert window.read(9, 10, None) == ([], 9)


def test_a_filtered_batch_names_the_position_that_it_reaches(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 5)
        led.open("Lear")
        for start in (0, 7):
            window = window_of(led)
            window.start_at(start)
            window.refresh()
            batch = window.read(0, 100, OPENED)
            assert ([x.id for x in batch.messages], batch.upto) == ([1, 7], 7)
        assert window.read(7, 100, OPENED) == ([], 7)


def test_topics_that_are_not_followed_here_are_not_read(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        window = window_of(led)
        window.set_topics(OPENED)
        window.refresh()
        added(led, 5)
        assert window.refresh()
        assert (ids(window, 0), window.head, window.complete) == ([1], 6, True)
        led.open("Lear")
        window.refresh()
        assert ids(window, 0) == [1, 7]


def test_a_new_topic_is_read_from_the_store(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 2)
        window = window_of(led)
        window.set_topics(OPENED)
        window.refresh()
        for more in (BOTH, None):
            window.set_topics(OPENED)
            window.set_topics(more)
            assert ids(window, 0) == [1, 2, 3]
        added(led, 1)
        window.refresh()
        assert ids(window, 0) == [1, 2, 3]  # up to the start of the window
        assert ids(window, 3) == [4]


def test_fewer_topics_keep_what_was_read(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hands(store_url) as led:
        led.open()
        window = window_of(led)
        window.refresh()
        monkeypatch.setattr(led.runner.get(House).recorder, "page", None)
        window.set_topics(OPENED)
        assert ids(window, 0) == [1]


def test_a_long_log_is_read_page_by_page_and_kept_in_part(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        added(led, 2_499)
        window = window_of(led, 1_200)
        pages, first = [], FIRST_PAGE_SIZE
        while window.refresh():
            pages.append((window.head, window.complete))
        assert pages == [
            (first, False),
            (first + READ_PAGE_SIZE, False),
            (first + 2 * READ_PAGE_SIZE, False),
            (2_500, True),
        ]
        # The messages are the same from memory and from the store.
        assert ids(window, 0, 10_000) + ids(window, 1_900, 10_000) == list(range(1, 2_501))


def test_new_messages_are_kept_until_followers_have_read_them(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hands(sqlite_store) as led:
        led.open()
        added(led, 99)
        window = window_of(led, 10)
        window.refresh()
        monkeypatch.setattr(led.runner.get(House).recorder, "page", None)  # any read would fail
        assert ids(window, 0, 1_000) == list(range(1, 101))


def test_messages_that_all_have_passed_are_discarded_and_read_from_the_store_later(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hands(sqlite_store) as led:
        led.open()
        added(led, MIN_DISCARDED + 9)
        window = window_of(led)
        while window.refresh():
            pass
        window.discard_through(MIN_DISCARDED - 1)  # fewer than are discarded at once
        window.discard_through(MIN_DISCARDED)
        assert ids(window, 0, 1_000) == list(range(1, MIN_DISCARDED + 1))
        monkeypatch.setattr(led.runner.get(House).recorder, "page", None)
        assert ids(window, MIN_DISCARDED) == list(range(MIN_DISCARDED + 1, MIN_DISCARDED + 11))
        with pytest.raises(TypeError):
            ids(window, MIN_DISCARDED - 1)


def test_a_runner_discards_messages_that_its_followers_have_passed(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.followers.log_window.MIN_DISCARDED", 1)
    with hands(store_url) as led:
        led.open()
        led.want(*(wish() for _ in range(5)))
        led.runner.start()
        led.runner.settle()
        written = {name: window for name, window in led.runner.windows.items() if window.head}
        assert written.keys() >= {"Desk", "House", "Till", "Evening"}
        for name, window in written.items():
            monkeypatch.setattr(led.runner.apps[name].recorder, "page", None)
            with pytest.raises(TypeError):
                window.read(0, 1, None)
            assert window.read(window.head, 1, None) == ([], window.head)


def test_an_event_is_decoded_on_first_use(store_url: str) -> None:
    with hands(store_url) as led:
        wanted = wish()
        led.want(wanted)
        desk = led.runner.get(Desk)
        window = LogWindow("Desk", desk.recorder, desk.mapper)
        window.refresh()
        (found,) = window.read(0, 1, None).messages
        assert found.event is found.event
        assert (found.event.guest, found.key) == ("Ada", str(wanted.booking_id))
        assert (found.position, found.origin) == ("desk:1", "desk:1")
        assert repr(found).startswith("Message(desk:1, ")


def test_a_failed_read_does_not_count_as_the_end_of_the_log(postgres_store: str) -> None:
    with hands(postgres_store) as led:
        window = window_of(led)
        window.refresh()
        with outside(postgres_store) as connection:
            connection.exec_driver_sql("ALTER TABLE house_events RENAME TO lost")
        with pytest.raises(Exception, match="house_events"):
            window.refresh()
        assert not window.complete


def test_large_messages_are_bounded_by_their_bytes(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        window = window_of(led, max_bytes=8 * MEBIBYTE)
        window.refresh()
        window.append(1, [large(id_) for id_ in range(2, 42)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(led.runner.get(House).recorder, "page", None)
            assert ids(window, 37) == [38, 39]  # a quarter of the bytes
            assert window.read(37, 100, None).upto == 39
            assert ids(window, 39) == [40, 41]
            with pytest.raises(TypeError):
                ids(window, 36)  # it was discarded


def test_a_message_larger_than_a_batch_is_a_batch_of_its_own(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        window = window_of(led, max_bytes=3 * MEBIBYTE)
        window.refresh()
        window.append(1, [large(2), large(3)])
        assert [ids(window, 1), ids(window, 2), ids(window, 3)] == [[2], [3], []]


def test_large_events_are_read_in_small_pages(store_url: str) -> None:
    with hands(store_url) as led:
        names = [f"{each}" + "x" * (MEBIBYTE - 1_000) for each in range(12)]
        for name in names[:6]:
            led.open(name)
        window = window_of(led, max_bytes=8 * MEBIBYTE)
        window.refresh()
        for name in names[6:]:
            led.open(name)
        pages = []
        while window.refresh():
            pages.append(window.head)
        assert pages == [8, 10, 12]
        assert ids(window, 0) == [1, 2]
        assert ids(window, 10) == [11, 12]
        assert window.read(10, 100, None).messages[0].size > MEBIBYTE - 1_000
