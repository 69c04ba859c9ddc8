"""The end of a log in memory: without gaps, or not at all."""

import pytest

from sagaline.followers.log_window import MANY, PAGE, LogWindow
from sagaline.messaging.message import Message
from tests.sagaline.small_system import AddSeats, Desk, Hands, House, hands, wish
from tests.sagaline.storage.stores import outside

OPENED = frozenset({"tests.sagaline.small_system:Show.Opened"})
ADDED = frozenset({"tests.sagaline.small_system:Show.Added"})


def tail_of(led: Hands) -> LogWindow:
    house = led.runner.get(House)
    return LogWindow("House", house.recorder, house.mapper)


def added(led: Hands, count: int) -> None:
    led.runner.get(House).execute([AddSeats(show="Hamlet", seats=1) for _ in range(count)])


def ids(window: LogWindow, after: int, limit: int = 100) -> list[int]:
    return [each.id for each in window.read(after, limit, None).messages]


def message(id_: int) -> Message:
    return Message("House", id_, "tests.sagaline.small_system:Show.Added")


def test_it_reads_what_others_have_written(store_url: str) -> None:
    with hands(store_url) as led:
        window = tail_of(led)
        assert not window.refresh()
        led.open()
        added(led, 3)
        assert window.refresh()
        assert ids(window, 0) == [1, 2, 3, 4]
        assert not window.refresh()
        assert window.complete


def test_it_takes_what_joins_on(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        window = tail_of(led)
        window.refresh()
        window.extend(1, [message(2), message(3)])
        assert ids(window, 0) == [1, 2, 3]
        # Ids have gaps of their own: what counts is what was there before.
        window.extend(3, [message(7)])
        assert ids(window, 1) == [2, 3, 7]
        assert window.head == 7


def test_it_does_not_take_what_leaves_something_out(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        window = tail_of(led)
        window.refresh()
        added(led, 3)
        window.extend(3, [message(4)])
        assert window.head == 1
        window.refresh()
        assert ids(window, 0) == [1, 2, 3, 4]


def test_it_does_not_take_the_same_twice(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 1)
        window = tail_of(led)
        window.refresh()
        window.extend(1, [message(2)])
        window.extend(2, [])
        assert ids(window, 0) == [1, 2]


def test_who_is_behind_its_beginning_reads_the_store(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 5)
        window = tail_of(led)
        window.start_at(4)
        window.refresh()
        assert ids(window, 4) == [5, 6]
        first = window.read(0, 3, None)
        assert ([x.id for x in first.messages], first.upto) == ([1, 2, 3], 3)
        second = window.read(3, 3, None)
        assert ([x.id for x in second.messages], second.upto) == ([4], 4)


def test_who_is_further_than_it_knows_stays_there(store_url: str) -> None:
    with hands(store_url) as led:
        window = tail_of(led)
        assert window.read(9, 10, None) == ([], 9)


def test_a_filtered_batch_says_how_far_it_reaches(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 5)
        led.open("Lear")
        for start in (0, 7):
            window = tail_of(led)
            window.start_at(start)
            window.refresh()
            batch = window.read(0, 100, OPENED)
            assert ([x.id for x in batch.messages], batch.upto) == ([1, 7], 7)
        assert window.read(7, 100, OPENED) == ([], 7)


def test_what_nobody_here_wants_is_not_read(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        window = tail_of(led)
        window.want(OPENED)
        window.refresh()
        added(led, 5)
        assert window.refresh()
        assert (ids(window, 0), window.head, window.complete) == ([1], 6, True)
        led.open("Lear")
        window.refresh()
        assert ids(window, 0) == [1, 7]


def test_who_wants_more_than_was_read_reads_the_store(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        added(led, 2)
        window = tail_of(led)
        window.want(OPENED)
        window.refresh()
        for more in (OPENED | ADDED, None):
            window.want(OPENED)
            window.want(more)
            assert ids(window, 0) == [1, 2, 3]
        added(led, 1)
        window.refresh()
        assert ids(window, 0) == [1, 2, 3]  # up to where the window begins
        assert ids(window, 3) == [4]


def test_who_wants_less_keeps_what_was_read(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hands(store_url) as led:
        led.open()
        window = tail_of(led)
        window.refresh()
        monkeypatch.setattr(led.runner.get(House).recorder, "page", None)
        window.want(OPENED)
        assert ids(window, 0) == [1]


def test_a_long_log_is_read_page_by_page_and_kept_in_part(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.followers.log_window.WINDOW", 1_200)
    with hands(sqlite_store) as led:
        led.open()
        added(led, 2_499)
        window = tail_of(led)
        pages = []
        while window.refresh():
            pages.append((window.head, window.complete))
        assert pages == [(PAGE, False), (2 * PAGE, False), (2_500, True)]
        # Whether a part is in memory or not, what is read is the same.
        assert ids(window, 0, 10_000) + ids(window, 1_900, 10_000) == list(range(1, 2_501))


def test_what_is_new_is_kept_for_those_who_have_yet_to_read_it(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.followers.log_window.WINDOW", 10)
    with hands(sqlite_store) as led:
        led.open()
        added(led, 99)
        window = tail_of(led)
        window.refresh()
        monkeypatch.setattr(led.runner.get(House).recorder, "page", None)  # nobody reads again
        assert ids(window, 0, 1_000) == list(range(1, 101))


def test_what_everybody_has_read_is_let_go_and_who_comes_later_reads_the_store(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hands(sqlite_store) as led:
        led.open()
        added(led, MANY + 9)
        window = tail_of(led)
        window.refresh()
        window.let_go(MANY - 1)  # too few to be worth it
        window.let_go(MANY)
        assert ids(window, 0, 1_000) == list(range(1, MANY + 1))
        monkeypatch.setattr(led.runner.get(House).recorder, "page", None)
        assert ids(window, MANY) == list(range(MANY + 1, MANY + 11))
        with pytest.raises(TypeError):
            ids(window, MANY - 1)


def test_a_runner_keeps_nothing_in_memory_that_its_followers_have_read(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.followers.log_window.MANY", 1)
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


def test_an_event_is_decoded_when_it_is_looked_at(store_url: str) -> None:
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


def test_what_cannot_be_read_now_is_not_taken_for_the_end(postgres_store: str) -> None:
    with hands(postgres_store) as led:
        window = tail_of(led)
        window.refresh()
        with outside(postgres_store) as connection:
            connection.exec_driver_sql("ALTER TABLE house_events RENAME TO lost")
        with pytest.raises(Exception, match="house_events"):
            window.refresh()
        assert not window.complete
