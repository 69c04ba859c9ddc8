"""Rebuilds of read tables: beside the live ones, while the system runs, and through crashes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine.interfaces import IsolationLevel

from sagaline import (
    DefinitionError,
    NothingToRollBack,
    RebuildFailed,
    RebuildUnderWay,
    Rebuilt,
    Runner,
    StoreUnusable,
    System,
    rebuild,
    roll_back,
)
from sagaline.errors import StoreOfAnotherSystem
from sagaline.read_model.definition import projections_of
from sagaline.read_model.fingerprint import fingerprint
from sagaline.rebuilding.shadow_table import ShadowTable
from tests.sagaline.bank import (
    Account,
    Balances,
    Bank,
    Close,
    account,
    change,
    give,
    give_to,
    opened,
    paid,
    query,
    rows_of,
    system,
    trouble,
)

HOUSE = Path(__file__).parents[3]
VIEWS = ("balances", "movements", "branches")
POISON = 13
LIMIT = 60.0


class Stopped(Exception):
    """What a test throws into a rebuild, to leave it where a crash would."""


class Store:
    """A bank's store, or two, and what is in the read tables."""

    def __init__(self, logs: str, views: str) -> None:
        self.views = views
        self.env = {"SQLALCHEMY_URL": logs, "SAGALINE_VIEWS": views}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        return {each: rows_of(self.views, each) for each in VIEWS}

    def rebuilt(self, *views: str, verify: bool = False) -> dict[str, Rebuilt]:
        return {each.view: each for each in rebuild(system, self.env, views, verify=verify)}

    def differences(self) -> dict[str, list[str]]:
        return {name: each.differences for name, each in self.rebuilt(verify=True).items()}

    def rolled_back(self, *views: str) -> list[str]:
        return roll_back(system, self.env, views)

    def stopped(self, view: str = "balances", at: int = 40, verify: bool = False) -> None:
        """A rebuild that ends in the middle, and leaves everything as it is."""

        def stop(_: str, passed: int, total: int) -> None:
            if at <= passed < total:
                raise Stopped

        with pytest.raises(Stopped):
            list(rebuild(system, self.env, [view], progress=stop, verify=verify))

    def names(self) -> list[str]:
        """All tables and followers that belong to read models."""
        engine = create_engine(self.views)
        try:
            found = inspect(engine).get_table_names()
        finally:
            engine.dispose()
        found += [name for (name,) in query(self.views, "SELECT name FROM followers")]
        return sorted(each for each in found if each.startswith(VIEWS))

    def indexes(self, table: str) -> list[list[str | None]]:
        """The columns of each index."""
        engine = create_engine(self.views)
        try:
            return sorted(
                (each["column_names"] for each in inspect(engine).get_indexes(table)), key=str
            )
        finally:
            engine.dispose()

    def positions(self) -> dict[str, int]:
        sql = "SELECT follower, position FROM positions"
        return {str(name): at for name, at in query(self.views, sql)}

    def made_by(self, view: str) -> str:
        sql = f"SELECT fingerprint FROM read_tables WHERE name = '{view}'"
        ((found,),) = query(self.views, sql)
        return str(found)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagaline.rebuilding.replay.REPLAY_PAGE_SIZE", 10)
    monkeypatch.setattr("sagaline.rebuilding.replay.DECODE_CHUNK_SIZE", 4)


@pytest.fixture(autouse=True)
def no_trouble() -> Iterator[None]:
    yield
    trouble.__init__()  # type: ignore[misc]


@pytest.fixture
def empty(store_url: str) -> Store:
    return Store(store_url, store_url)


@pytest.fixture
def store(empty: Store) -> Store:
    """A bank with thirty accounts, of which one was closed, and ninety payments."""
    return busy(empty)


@pytest.fixture
def embedded(sqlite_store: str) -> Store:
    """The same, where the kind of database makes no difference."""
    return busy(Store(sqlite_store, sqlite_store))


def busy(store: Store) -> Store:
    number = range(30)
    closing = [Close(account_id=account(29))]
    give(store.env, [*opened(number), *paid(number), *paid(number, 2), *paid(number, 4), *closing])
    return store


@pytest.fixture
def two_stores(sqlite_store: str, tmp_path: Path) -> Store:
    return Store(sqlite_store, f"sqlite:///{tmp_path / 'views.db'}")


def test_a_rebuild_gives_the_same_rows_and_twice_is_as_once(store: Store) -> None:
    before, positions = store.tables(), store.positions()
    assert len(before["balances"]) == 29
    for _ in range(2):
        done = store.rebuilt()
        assert [(each.view, each.rows) for each in done.values()] == [
            ("balances", 29),
            ("movements", 90),
            ("branches", 0),
        ]
        assert [each.events for each in done.values()] == [121, 90, 0]
        assert store.tables() == before
        assert {each: store.positions()[each] for each in VIEWS} == {
            each: positions[each] for each in VIEWS
        }


def test_rows_without_an_event_in_the_log_are_gone_after_a_rebuild(store: Store) -> None:
    before = store.tables()
    change(store.views, "UPDATE balances SET paid = 1000000")
    change(store.views, "DELETE FROM movements WHERE amount = 2")
    change(
        store.views, f"INSERT INTO movements (account_id, id, amount) VALUES ('{account(1)}', 0, 9)"
    )
    store.rebuilt()
    assert store.tables() == before


def test_a_rebuild_of_one_view_leaves_the_others_as_they_are(embedded: Store) -> None:
    change(embedded.views, "UPDATE movements SET amount = 0")
    change(embedded.views, "UPDATE balances SET paid = 0")
    left = rows_of(embedded.views, "movements")
    assert list(embedded.rebuilt("balances")) == ["balances"]
    assert rows_of(embedded.views, "movements") == left
    assert {row[2] for row in rows_of(embedded.views, "balances")} == {7}
    with pytest.raises(DefinitionError, match="no read model nothing"):
        embedded.rebuilt("nothing")


def test_a_view_without_events_is_rebuilt_too(empty: Store) -> None:
    give(empty.env, [])
    done = empty.rebuilt()
    assert [(each.events, each.rows) for each in done.values()] == [(0, 0)] * 3
    assert empty.differences() == {each: [] for each in VIEWS}


def test_views_that_no_runner_has_made_are_built_from_the_logs(two_stores: Store) -> None:
    give({"SQLALCHEMY_URL": two_stores.env["SQLALCHEMY_URL"]}, opened(range(30)))
    assert two_stores.rebuilt()["balances"].rows == 30
    assert two_stores.differences()["balances"] == []
    give(two_stores.env, paid(range(30)))
    assert {row[2:4] for row in rows_of(two_stores.views, "balances")} == {(1, 1)}


def test_views_in_a_store_of_their_own_are_rebuilt_there(two_stores: Store) -> None:
    give(two_stores.env, [*opened(range(30)), *paid(range(30))])
    before = two_stores.tables()
    change(two_stores.views, "DELETE FROM balances")
    two_stores.rebuilt()
    assert two_stores.tables() == before
    assert two_stores.rolled_back("balances") == ["balances"]
    assert rows_of(two_stores.views, "balances") == []


KILLED = """
import os, signal, sys
from importlib import import_module
from sagaline import rebuild
from tests.sagaline.bank import system

def die(view, passed, total):
    if passed >= 60:
        os.kill(os.getpid(), signal.SIGKILL)

import_module("sagaline.rebuilding.replay").REPLAY_PAGE_SIZE = 10
list(rebuild(system, {"SQLALCHEMY_URL": sys.argv[1]}, ["balances"], progress=die))
"""


def test_a_killed_rebuild_continues_from_its_last_commit(store: Store) -> None:
    before, tables = store.tables(), store.names()
    killed = subprocess.run([sys.executable, "-c", KILLED, store.views], cwd=HOUSE, timeout=LIMIT)
    assert killed.returncode == -signal.SIGKILL
    assert store.tables() == before, "the live table is as it was"
    assert len(store.names()) == len(tables) + 2, "a shadow, and a follower that fills it"
    done = store.rebuilt("balances")["balances"]
    assert (done.events, done.rows) == (121 - 60, 29)
    assert store.tables() == before
    assert store.names() == sorted([*tables, "balances__old", "balances@old"])


def meanwhile(store: Store, act: Callable[[], object], verify: bool = False) -> Rebuilt:
    """A rebuild, in the middle of which something else is done."""

    def progress(view: str, passed: int, total: int) -> None:
        if passed == 40:
            act()

    (done,) = rebuild(system, store.env, ["balances"], verify=verify, progress=progress)
    return done


@pytest.mark.parametrize(
    ("first", "second"),
    [("rebuild", "rebuild"), ("verify", "rebuild"), ("verify", "verify")],
)
def test_a_second_rebuild_of_a_table_is_refused_while_the_first_is_active(
    store: Store, first: str, second: str
) -> None:
    before, names = store.tables(), store.names()
    refused: list[str] = []

    def try_too() -> None:
        with pytest.raises(RebuildUnderWay, match="balances is being rebuilt or verified by"):
            store.rebuilt("balances", verify=second == "verify")
        refused.append(second)

    done = meanwhile(store, try_too, verify=first == "verify")
    assert refused == [second]
    assert (done.events, done.rows, done.differences) == (121, 29, [])
    assert store.tables() == before
    swapped = [] if first == "verify" else ["balances__old", "balances@old"]
    assert store.names() == sorted([*names, *swapped])
    assert store.rebuilt("balances")["balances"].events == 121, "nobody holds it any more"


def test_a_table_is_verified_while_it_is_rebuilt(store: Store) -> None:
    found: list[Rebuilt] = []
    done = meanwhile(store, lambda: found.extend(store.rebuilt("balances", verify=True).values()))
    assert [each.differences for each in found] == [[]]
    assert (done.events, done.rows) == (121, 29)


def test_a_rebuild_that_another_one_has_continued_is_refused(store: Store) -> None:
    before = store.tables()
    taken = "UPDATE followers SET fence = fence + 1 WHERE name LIKE 'balances@%'"
    with pytest.raises(RebuildUnderWay):
        meanwhile(store, lambda: change(store.views, taken))
    assert store.tables() == before
    assert store.rebuilt("balances")["balances"].events == 121 - 40


def test_a_continued_rebuild_does_not_return_to_the_position_of_a_rolled_back_follower(
    embedded: Store,
) -> None:
    embedded.rebuilt("balances")
    give(embedded.env, paid(range(20)))
    embedded.stopped(at=130)
    embedded.rolled_back("balances")
    embedded.rebuilt("balances")
    assert embedded.differences()["balances"] == []
    assert rows_of(embedded.views, "balances")[0][3] in (3, 4)


def test_a_changed_read_model_is_built_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def paid_twice(self: Balances, event: Account.Paid) -> None:
        self.rows[event.originator_id]["paid"] += 2 * event.amount

    store.stopped()
    left = [each for each in store.names() if ":" in each]
    with monkeypatch.context() as patch:
        paid_twice._projection = projections_of(Balances).by_event[Account.Paid]  # type: ignore[attr-defined]
        patch.setattr(Balances, "paid", paid_twice)
        assert store.rebuilt("balances")["balances"].events == 121
        assert {row[2] for row in rows_of(store.views, "balances")} == {14}
        assert store.made_by("balances") == fingerprint(Balances) != left[0].partition(":")[2]
    assert not [each for each in store.names() if ":" in each]
    assert "balances__old" in store.names()
    assert store.made_by("balances") != fingerprint(Balances)
    store.rolled_back("balances")
    assert store.made_by("balances") == fingerprint(Balances)


@pytest.mark.parametrize(("level", "seen"), [("REPEATABLE READ", 0), ("READ COMMITTED", 29)])
def test_a_snapshot_that_is_older_than_the_swap_hides_the_new_rows(
    postgres_store: str, level: IsolationLevel, seen: int
) -> None:
    store = busy(Store(postgres_store, postgres_store))
    engine = create_engine(store.views, isolation_level=level)
    with engine.connect() as reader:
        reader.exec_driver_sql("SELECT 1 FROM followers")
        store.rebuilt("balances")
        count = reader.exec_driver_sql("SELECT count(*) FROM balances").scalar_one()
        reader.rollback()
        assert reader.exec_driver_sql("SELECT count(*) FROM balances").scalar_one() == 29
    engine.dispose()
    assert count == seen


def test_shadow_tables_of_killed_rebuilds_and_verifications_are_dropped(embedded: Store) -> None:
    clean = embedded.names()
    embedded.stopped(verify=True)
    embedded.stopped(verify=True)
    assert len(embedded.names()) == len(clean) + 2, "the second one has removed the first"
    embedded.stopped()
    assert len(embedded.names()) == len(clean) + 2, "a rebuild has removed that"
    embedded.rebuilt("balances", verify=True)
    assert len(embedded.names()) == len(clean) + 2, "a verification takes no rebuild away"
    assert embedded.rebuilt("balances")["balances"].events == 121 - 40
    assert embedded.names() == sorted([*clean, "balances__old", "balances@old"])


def test_a_verification_returns_the_rows_that_differ_and_swaps_nothing(store: Store) -> None:
    assert store.differences() == {each: [] for each in VIEWS}
    change(store.views, f"UPDATE balances SET paid = 0 WHERE id = '{account(3)}'")
    change(store.views, f"DELETE FROM balances WHERE id = '{account(4)}'")
    change(store.views, f"UPDATE balances SET tags = '[]' WHERE id = '{account(5)}'")
    change(store.views, f"INSERT INTO branches (id, town) VALUES ('{account(6)}', 'Ur')")
    change(store.views, f"DELETE FROM movements WHERE account_id = '{account(7)}' AND amount = 2")
    tampered, names = store.tables(), store.names()
    found = store.differences()
    assert sorted(found["balances"]) == sorted(str(account(each)) for each in (3, 4, 5))
    assert found["branches"] == [str(account(6))]
    ((only,),) = (found["movements"],)
    assert only.startswith(f"{account(7)}, ")
    assert store.tables() == tampered
    assert store.names() == names
    change(store.views, "DELETE FROM movements")
    assert len(store.differences()["movements"]) == 10, "ten are enough to see what it is about"


def test_a_verification_compares_at_the_positions_of_the_live_table(embedded: Store) -> None:
    with Runner(system, embedded.env, only=["Bank", "movements"]) as runner:
        give_to(runner, [*opened(range(50, 80)), *paid([*range(29), *range(50, 80)], 8)])
    behind = embedded.positions()["balances"]
    assert embedded.differences()["balances"] == []
    assert embedded.positions()["balances"] == behind
    assert embedded.rebuilt("balances")["balances"].rows == 59
    assert embedded.positions()["balances"] > behind


@pytest.mark.parametrize("kind", ["raising", "unwritable", "unforeseen"])
def test_a_poison_event_fails_the_rebuild_and_leaves_the_live_table(
    store: Store, kind: str
) -> None:
    give(store.env, [*paid(range(5)), *paid([5], POISON), *paid(range(5))])
    before, names, indexes = store.tables(), store.names(), store.indexes("balances")
    ((last,),) = query(store.views, "SELECT max(id) FROM bank_events")
    ((poison,),) = query(store.views, f"SELECT id FROM movements WHERE amount = {POISON}")
    assert poison < last
    getattr(trouble, kind).add(POISON)
    with pytest.raises(RebuildFailed) as failed:
        store.rebuilt("balances")
    assert failed.value.position == f"bank:{poison}"
    assert failed.value.topic == "tests.sagaline.bank:Account.Paid"
    assert "balances" in str(failed.value)
    assert (store.tables(), store.indexes("balances")) == (before, indexes)
    getattr(trouble, kind).clear()
    store.rebuilt("balances")
    assert store.tables() == before
    assert store.names() == sorted([*names, "balances__old", "balances@old"])


def test_a_parked_event_is_in_the_new_table_and_no_longer_a_dead_letter(
    store: Store,
) -> None:
    trouble.raising.add(POISON)
    give(store.env, [*paid([5], POISON), *paid([5]), *paid([6])])
    parked = "SELECT follower, key FROM dead_letters"
    letters = [("balances", str(account(5)))] * 2
    assert query(store.views, parked) == letters
    trouble.raising.clear()
    store.rebuilt("balances")
    assert [follower for follower, _ in query(store.views, parked)] == ["balances@old"] * 2
    give(store.env, paid([5]))
    assert store.differences()["balances"] == []
    store.rolled_back("balances")
    assert query(store.views, parked) == letters, "with the old table they are back"
    store.rolled_back("balances")
    assert store.differences()["balances"] == []


def test_a_rollback_restores_the_old_table_and_the_follower_catches_up(store: Store) -> None:
    with pytest.raises(NothingToRollBack, match="balances has no earlier table"):
        store.rolled_back("balances")
    change(store.views, "UPDATE balances SET paid = paid + 100")
    old, at = rows_of(store.views, "balances"), store.positions()["balances"]
    store.rebuilt("balances")
    give(store.env, paid(range(29)))
    new, ahead = rows_of(store.views, "balances"), store.positions()["balances"]
    assert store.rolled_back("balances") == ["balances"]
    assert (rows_of(store.views, "balances"), store.positions()["balances"]) == (old, at)
    give(store.env, [])
    assert {row[2:4] for row in rows_of(store.views, "balances")} == {(108, 4)}
    assert store.positions()["balances"] == ahead
    assert store.rolled_back("balances") == ["balances"]
    assert rows_of(store.views, "balances") == new, "back again"
    with pytest.raises(NothingToRollBack):
        store.rolled_back()
    assert rows_of(store.views, "balances") == new, "all of them or none"


def test_a_live_follower_continues_after_a_swap_and_a_rollback(store: Store) -> None:
    with Runner(system, store.env) as runner:
        give_to(runner, paid(range(29)))
        runner.settle()
        store.rebuilt("balances")
        give_to(runner, paid(range(29)))
        runner.settle()
        assert {row[2:4] for row in rows_of(store.views, "balances")} == {(9, 5)}
        store.rolled_back("balances")
        give_to(runner, paid(range(29)))
        runner.settle()
        assert {row[2:4] for row in rows_of(store.views, "balances")} == {(10, 6)}
    assert store.differences() == {each: [] for each in VIEWS}
    assert query(store.views, "SELECT * FROM dead_letters") == []


def test_the_live_table_has_its_indexes_after_every_rebuild(store: Store) -> None:
    wanted = [["owner"], ["paid"]]
    assert store.indexes("balances") == wanted
    for _ in range(3):
        store.rebuilt("balances")
        assert store.indexes("balances") == wanted
        assert store.indexes("balances__old") == wanted
    store.rolled_back("balances")
    assert store.indexes("balances") == wanted
    store.rebuilt("balances")
    assert store.indexes("balances") == wanted


def test_a_handler_can_see_that_it_runs_in_a_rebuild(embedded: Store) -> None:
    assert len(trouble.letters) == 30
    with Runner(system, embedded.env) as runner:
        embedded.rebuilt("balances")
        assert len(trouble.letters) == 30
        give_to(runner, opened([40]))
        runner.settle()
    # Perhaps twice: a handler runs again where the fence has moved.
    assert set(trouble.letters[30:]) == {"owner 40"}


def test_a_rebuild_keeps_no_more_rows_in_memory_than_its_model_allows(embedded: Store) -> None:
    trouble.most_rows = 0
    embedded.rebuilt("balances")
    assert 0 < trouble.most_rows <= Balances.cached_rows
    assert {row[2:4] for row in rows_of(embedded.views, "balances")} == {(7, 3)}


def test_a_position_after_the_end_of_its_log_is_refused(embedded: Store) -> None:
    change(embedded.views, "UPDATE positions SET position = 500 WHERE follower = 'balances'")
    before = embedded.tables()
    for verify in (False, True):
        with pytest.raises(StoreUnusable, match="balances is at 500 of Bank, whose log ends at"):
            embedded.rebuilt("balances", verify=verify)
    assert embedded.tables() == before


def test_a_verification_reports_a_dropped_table_and_does_not_create_it(store: Store) -> None:
    change(store.views, "DROP TABLE balances")
    names, positions = store.names(), store.positions()
    assert store.differences()["balances"] == ["there is no such table"]
    assert store.names() == names
    assert store.positions() == positions
    store.rebuilt("balances")
    assert not any(store.differences().values())


def test_the_fingerprint_is_that_of_the_code_that_made_the_table(embedded: Store) -> None:
    assert embedded.made_by("balances") == fingerprint(Balances)
    change(embedded.views, "UPDATE read_tables SET fingerprint = 'other'")
    give(embedded.env, [])
    embedded.rebuilt("balances", verify=True)
    assert embedded.made_by("balances") == "other", "it is still that table"
    embedded.rebuilt("balances")
    assert embedded.made_by("balances") == fingerprint(Balances)
    assert embedded.made_by("movements") == "other"


def test_a_table_with_other_columns_is_not_run_until_it_is_rebuilt(store: Store) -> None:
    change(store.views, "ALTER TABLE balances RENAME COLUMN times TO often")
    with pytest.raises(StoreUnusable, match="balances has other columns than its read model"):
        Runner(system, store.env)
    assert store.differences()["balances"] != []
    store.rebuilt("balances")
    give(store.env, paid(range(29)))
    assert store.differences()["balances"] == []


def test_another_system_does_not_rebuild_in_this_store(embedded: Store) -> None:
    names = embedded.names()
    library = System("library", applications=[Bank], read_models=[Balances])
    with pytest.raises(StoreOfAnotherSystem):
        list(rebuild(library, embedded.env))
    with pytest.raises(StoreOfAnotherSystem):
        roll_back(library, embedded.env)
    assert embedded.names() == names


WRITER = """
import sys
from sagaline import Runner
from tests.sagaline.bank import give_to, opened, paid, system

with Runner(system, {"SQLALCHEMY_URL": sys.argv[1]}) as runner:
    number = 1000
    for _ in sys.stdin:
        batch = range(number, number + 5)
        give_to(runner, [*opened(batch), *paid(batch), *paid(range(5))])
        number += 5
        print(number, flush=True)
    runner.settle()
"""


class Polling(Thread):
    """A reader that looks all the time, and keeps what it sees in the order that it saw it."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[int, int]] = []
        self.error: Exception | None = None
        self._engine = create_engine(url)
        self._enough = Event()

    def run(self) -> None:
        sql = text("SELECT count(*), sum(times) FROM balances")
        try:
            while not self._enough.is_set():
                with self._engine.connect() as connection:
                    count, times = connection.execute(sql).one()
                    self.seen.append((count, times))
        except Exception as error:
            self.error = error
        finally:
            self._engine.dispose()

    def stop(self) -> None:
        self._enough.set()
        self.join()


def writing(url: str, until: Callable[[Callable[[], None]], None]) -> None:
    """Runs the system in a process that writes a batch whenever it is told to."""
    env = {**os.environ, "PYTHONPATH": str(HOUSE)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", WRITER, url], cwd=HOUSE, env=env, **pipes) as run:
        assert run.stdin is not None
        assert run.stdout is not None

        def write() -> None:
            assert run.stdin is not None
            assert run.stdout is not None
            run.stdin.write("\n")
            run.stdin.flush()
            assert run.stdout.readline()

        until(write)
        run.stdin.close()
        assert run.wait(LIMIT) == 0


def test_writers_and_readers_continue_during_a_rebuild(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Rebuilt] = []
    reader = Polling(store.views)
    swap = ShadowTable._join

    def rebuild_while(write: Callable[[], None]) -> None:
        def tell(view: str, passed: int, total: int) -> None:
            write()

        def join(self: Any) -> Any:
            write()  # as late as can be: the live follower is ahead once more
            return swap(self)

        with monkeypatch.context() as patch:
            # A page is more than what is written while it is folded, or it would never end.
            patch.setattr("sagaline.rebuilding.replay.REPLAY_PAGE_SIZE", 60)
            patch.setattr(ShadowTable, "_join", join)
            write()
            for _ in range(2):
                done.extend(rebuild(system, store.env, ["balances"], progress=tell))
                write()

    reader.start()
    try:
        writing(store.views, rebuild_while)
    finally:
        reader.stop()
    assert reader.error is None
    assert reader.seen == sorted(reader.seen), "rows or payments went missing for a while"
    assert reader.seen[0] >= (29, 87)
    assert len(set(reader.seen)) > 2
    assert [each.rows > 29 for each in done] == [True, True]
    assert store.differences() == {each: [] for each in VIEWS}
    ((count,),) = query(store.views, "SELECT count(*) FROM bank_events WHERE topic LIKE '%Paid'")
    ((times,),) = query(store.views, "SELECT sum(times) FROM balances")
    assert times == count - 3, "the closed account's payments are in no balance"
    assert query(store.views, "SELECT * FROM dead_letters") == []


def test_a_live_follower_that_is_too_far_ahead_is_joined_by_the_next_attempt(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = iter([paid(range(29)), paid(range(29))])
    read = ShadowTable._page

    def give_then(self: Any, leader: str, upto: int) -> Any:
        ahead = read(self, leader, upto)
        if not ahead[0] and (commands := next(late, None)):
            give(store.env, commands)
        return ahead

    monkeypatch.setattr(ShadowTable, "_page", give_then)
    assert store.rebuilt("balances")["balances"].rows == 29
    assert next(late, None) is None
    assert {row[2:4] for row in rows_of(store.views, "balances")} == {(9, 5)}
    assert store.differences()["balances"] == []
