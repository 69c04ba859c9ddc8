"""Followers: every event is handled once and in order, whatever fails around them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import InterfaceError, OperationalError
from sqlalchemy import Connection, text
from typing_extensions import override

from sagaline.application.processor import ApplicationProcessor
from sagaline.followers.follower import Follower
from tests.sagaline.small_system import (
    PROCESSES,
    AddSeats,
    Desk,
    GoodBank,
    Hands,
    House,
    Paid,
    Show,
    Till,
    WantSeats,
    fence,
    guest_list,
    hands,
    joined,
    letters,
    named,
    reached,
    recorder,
    rows_of,
    show_list,
    statuses,
    system,
    wish,
    wrong,
)
from tests.sagaline.storage.stores import outside

SHOWS = ("Hamlet", "Lear", "Othello")


def wishes(count: int) -> list[WantSeats]:
    return [wish(f"guest {each}", SHOWS[each % 3]) for each in range(count)]


def opened(led: Hands, seats: int = 100) -> None:
    for show in SHOWS:
        led.open(show, seats)


def test_a_follower_catches_up_with_a_log_that_is_there(store_url: str) -> None:
    with hands(store_url) as first:
        opened(first)
        first.want(*wishes(7))
    with hands(store_url) as second:
        second.settle()
        assert statuses(second.runner) == {"confirmed": 7}
        assert wrong(second.runner) == []


def test_a_follower_resumes_from_its_recorded_position(store_url: str) -> None:
    with hands(store_url) as first:
        opened(first, seats=3)
        first.want(*wishes(12))
    for _ in range(20):
        # Each time a new runner, which has only what is in the store.
        with hands(store_url) as led:
            moved = led.turn()
            for each in led.followers.values():
                each.save()
        if not moved:
            break
    with hands(store_url) as last:
        assert not last.turn()
        assert statuses(last.runner) == {"confirmed": 9, "cancelled": 3}
        assert wrong(last.runner) == []


def by_key(led: Hands) -> dict[str | None, list[str]]:
    """The topics recorded for each business transaction, over all logs."""
    found: dict[str | None, list[str]] = {}
    for application in system.members:
        for row in recorder(led.runner, application).page(0, 10_000).rows:
            found.setdefault(row.key, []).append(row.topic)
    return found


def test_a_batch_in_memory_and_one_from_the_store_have_the_same_effect(tmp_path: Path) -> None:
    wanted = wishes(9)
    with hands(f"sqlite:///{tmp_path / 'handed.db'}") as handed:
        opened(handed, seats=2)
        handed.want(*wanted)
        handed.look()
        # From here on nothing is read: each follower has in memory what the others write.
        while any([each.step() for each in handed.followers.values()]):  # noqa: C419 # each of them
            pass
        in_memory = by_key(handed), rows_of(handed.runner, guest_list)
        assert wrong(handed.runner) == []
    url = f"sqlite:///{tmp_path / 'read.db'}"
    with hands(url) as reading, hands(url) as other:
        opened(reading, seats=2)
        reading.want(*wanted)
        # What one runner writes, the other one reads from the store.
        moved = True
        while moved:
            moved = reading.turn("House", "Desk", "guest_list")
            moved |= other.turn("Evening", "Till", "show_list")
        assert (by_key(reading), rows_of(reading.runner, guest_list)) == in_memory
        assert wrong(reading.runner) == []


def test_a_follower_skips_other_topics(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        house = led.runner.get(House)
        last = house.execute([AddSeats(show="Hamlet", seats=1) for _ in range(50)])[-1]
        before = fence(led.runner, "Evening")
        led.settle("Evening")
        # A reader that waits for the position of the last command is therefore answered.
        assert last.position == f"house:{reached(led.runner, 'Evening', 'House')}"
        assert fence(led.runner, "Evening") == before + 1
        assert not led.turn("Evening")


def test_skipped_events_are_recorded_with_the_next_batch(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        led.turn("Evening")
        assert reached(led.runner, "Evening", "House") == 0
        assert led.followers["Evening"].unsaved == 1
        led.want(wish())
        led.turn("Evening")
        assert reached(led.runner, "Evening", "House") == 1
        assert led.followers["Evening"].unsaved == 0


@contextmanager
def rolled_back() -> Iterator[None]:
    with pytest.raises(KeyError):
        yield


def leave_a_gap(led: Hands) -> None:
    """Uses up ids without events, as rolled-back transactions do on a server."""
    datastore = led.runner.get(Desk).datastore
    if datastore.dialect == "sqlite":
        with datastore.write() as connection:
            highest = "SELECT max(id) FROM desk_events"
            sql = f"UPDATE desk_events SET id = id + 1000 WHERE id = ({highest})"
            connection.execute(text(sql))
        return
    for _ in range(3):
        with rolled_back(), datastore.write() as connection:
            connection.execute(text("SELECT nextval('desk_events_id_seq')"))
            raise KeyError


def test_gaps_between_ids_stop_no_follower(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        for _ in range(3):
            led.want(wish())
            leave_a_gap(led)
            led.want(wish())
            led.turn()
        led.settle()
        assert recorder(led.runner, Desk).head() > len(named(led.runner, Desk))
        assert statuses(led.runner) == {"confirmed": 6}
        assert wrong(led.runner) == []


def test_batches_smaller_than_the_work_take_it_in_order(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        opened(led)
        led.want(*wishes(10))
        app = led.runner.get(Desk)
        led.look()
        projector = led.followers["show_list"]._processor
        small = Follower(projector, app.datastore, {"Desk": led.runner.windows["Desk"]}, 3)
        positions = []
        while small.step():
            positions.append(reached(led.runner, "show_list", "Desk"))
        assert positions == [3, 6, 9, 10]
        assert rows_of(led.runner, show_list) == {"Hamlet": (4,), "Lear": (3,), "Othello": (3,)}


# Two runners, one follower


@pytest.mark.parametrize("follower", ["Evening", "guest_list", "show_list"])
def test_one_of_two_runners_with_the_same_batch_writes_it(store_url: str, follower: str) -> None:
    with hands(store_url) as first, hands(store_url) as second:
        opened(first)
        first.want(*wishes(4))
        first.look()
        second.look()
        assert first.followers[follower].step()
        first.want(*wishes(2))
        second.look()
        # The second one has the same batch with two more events.
        assert second.followers[follower].step()
        assert not second.followers[follower].caught_up
        second.settle()
        first.settle()
        assert statuses(first.runner) == {"confirmed": 6}
        assert wrong(first.runner) == []
        assert letters(first.runner) == []


def settled_by_hand(url: str, ready: Any) -> None:
    """A runner without leases: it runs all followers, as the other one does."""
    with hands(url) as led:
        ready.wait()
        while not led.runner.settled():
            try:
                led.turn()
                for each in led.followers.values():
                    each.save()
            except OperationalError:
                continue


def test_two_processes_that_lead_all_followers_at_once_have_each_effect_once(
    store_url: str,
) -> None:
    with hands(store_url) as led:
        opened(led, seats=25)
        for _ in range(10):
            led.want(*wishes(12))
        ready = PROCESSES.Barrier(2)
        joined(*[PROCESSES.Process(target=settled_by_hand, args=(store_url, ready)) for _ in "ab"])
        assert statuses(led.runner) == {"confirmed": 75, "cancelled": 45}
        assert wrong(led.runner) == []
        assert letters(led.runner) == []


class SleepyBank(GoodBank):
    """During its first call another runner does all the work."""

    def __init__(self, other: Hands) -> None:
        super().__init__()
        self.other = other

    @override
    def answer(self, key: str) -> Paid:
        if self.asked.total() == 1:
            self.other.settle()
        return Paid("by the one that slept")


def test_an_owner_that_was_paused_is_fenced_off_and_reads_again(store_url: str) -> None:
    with hands(store_url) as paused, hands(store_url) as other:
        paused.open()
        paused.want(wish())
        paused.settle("Evening", "House")
        paused.turn("Evening")
        paused.runner.get(Till).bank = SleepyBank(other)
        paused.look()
        assert paused.followers["Till"].step()
        assert not paused.followers["Till"].caught_up
        fees = recorder(paused.runner, Till).head()
        paused.settle()
        assert recorder(paused.runner, Till).head() == fees
        (fee,) = [e for e in named(paused.runner, Till) if e == "Fee.Paid"]
        assert fee == "Fee.Paid"
        assert wrong(paused.runner) == []
        # It has dropped its memory, and continues from what the other one wrote.
        paused.want(wish("Bea"))
        paused.settle()
        assert statuses(other.runner) == {"confirmed": 2}
        assert wrong(paused.runner) == []


def test_a_fenced_off_owner_records_no_position(store_url: str) -> None:
    with hands(store_url) as late, hands(store_url) as other:
        late.open()
        late.look()
        late.turn("Evening")
        other.want(wish())
        other.settle("Evening")
        position = fence(other.runner, "Evening")
        late.followers["Evening"].save()
        assert fence(other.runner, "Evening") == position
        assert late.followers["Evening"].unsaved == 0 or not late.followers["Evening"].caught_up
        late.settle()
        assert statuses(late.runner) == {"confirmed": 1}


# Another writer of the same aggregate


def test_a_batch_runs_again_where_another_writer_was_first(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url) as other:
        led.open(seats=2)
        led.want(wish("Ada"), wish("Bea"))
        led.settle("Evening")
        tries = 0

        def add_a_seat() -> None:
            nonlocal tries
            tries += 1
            if tries in (1, 3):
                other.runner.get(House).add(AddSeats(show="Hamlet", seats=1))

        led.runner.get(House).meanwhile = add_a_seat
        led.settle()
        # Two attempts each met a conflict, twice; then two were committed.
        assert tries == 6
        show: Show = other.runner.get(House).repository.get(Show.create_id("Hamlet"))
        assert show.left == 2
        assert statuses(led.runner) == {"confirmed": 2}
        assert wrong(led.runner) == []
        assert letters(led.runner) == []


def test_a_batch_with_repeated_conflicts_is_not_parked(sqlite_store: str) -> None:
    with hands(sqlite_store) as led, hands(sqlite_store) as other:
        led.open(seats=2)
        led.want(wish("Ada"), wish("Bea"))
        led.settle("Evening")
        left = 70

        def add_a_seat() -> None:
            nonlocal left
            if left:
                left -= 1
                other.runner.get(House).add(AddSeats(show="Hamlet", seats=1))

        led.runner.get(House).meanwhile = add_a_seat
        led.settle()
        assert left == 0
        assert statuses(led.runner) == {"confirmed": 2}
        assert letters(led.runner) == []


def test_no_command_is_refused_on_stale_state(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url) as other:
        led.open(seats=1)
        led.want(wish("Ada"))
        led.settle()
        other.runner.get(House).add(AddSeats(show="Hamlet", seats=1))
        led.want(wish("Bea"))
        led.settle()
        assert statuses(led.runner) == {"confirmed": 2}
        led.want(wish("Cy"))
        led.settle()
        assert statuses(led.runner) == {"confirmed": 2, "cancelled": 1}
        assert wrong(led.runner) == []


# A store that does not answer


def locking(path: str, locked: Any, done: Any) -> None:
    """Another process, which locks the whole database for a while."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN EXCLUSIVE")
    locked.set()
    done.wait()
    raw.execute("ROLLBACK")
    raw.close()


def test_nothing_is_skipped_while_another_process_locks_the_database(sqlite_store: str) -> None:
    with hands(f"{sqlite_store}?timeout=0.05") as led:
        opened(led)
        led.want(*wishes(5))
        locked, done = PROCESSES.Event(), PROCESSES.Event()
        path = sqlite_store.removeprefix("sqlite:///")
        process = PROCESSES.Process(target=locking, args=(path, locked, done))
        process.start()
        try:
            locked.wait()
            for _ in range(3):
                for each in ("Evening", "guest_list"):
                    with pytest.raises(OperationalError):
                        led.turn(each)
        finally:
            done.set()
            process.join()
        led.settle()
        assert statuses(led.runner) == {"confirmed": 5}
        assert wrong(led.runner) == []
        assert letters(led.runner) == []


def cut_all_connections(url: str) -> None:
    sql = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with outside(url) as connection:
        connection.execute(text(sql))


class Cut(ApplicationProcessor):
    """Its connections are cut inside its transaction, once before and once after the writes."""

    url = ""
    cuts = 0

    @override
    def write(self, connection: Connection) -> None:
        if self.cuts == 0:
            self.cuts = 1
            cut_all_connections(self.url)
        super().write(connection)
        if self.cuts == 1 and self._unit.size:
            self.cuts = 2
            cut_all_connections(self.url)


def test_a_batch_survives_a_cut_connection(postgres_store: str) -> None:
    with hands(postgres_store) as led:
        opened(led)
        led.want(*wishes(5))
        house = led.runner.get(House)
        topics = led.followers["House"]._processor.topics
        assert topics is not None
        processor = Cut(house, topics, led.runner.windows["House"])
        processor.url = postgres_store
        led.followers["House"] = Follower(
            processor, house.datastore, {"Evening": led.runner.windows["Evening"]}
        )
        led.settle("Evening")
        led.look()
        for _ in range(2):
            with pytest.raises((OperationalError, InterfaceError)):
                led.followers["House"].step()
        led.settle()
        assert processor.cuts == 2
        assert statuses(led.runner) == {"confirmed": 5}
        assert wrong(led.runner) == []
        assert letters(led.runner) == []


def test_connections_cut_between_two_batches_are_replaced(postgres_store: str) -> None:
    with hands(postgres_store) as led:
        opened(led)
        led.want(*wishes(5))
        while led.turn():
            cut_all_connections(postgres_store)
        assert statuses(led.runner) == {"confirmed": 5}
        assert wrong(led.runner) == []
