"""A runner that rests on SQLite is told at once of what another process writes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

import pytest

from sagaline.storage import Datastore
from sagaline.storage.notify.file_version import LOOK, FileVersion
from sagaline.storage.notify.sqlite_listener import SQLiteListener, can_listen
from sagaline.storage.tables.creation import create_tables

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

PATIENCE = 10.0


class Ear:
    """Listens to a store, and counts what it hears."""

    def __init__(self, datastore: Datastore) -> None:
        self.told: SimpleQueue[None] = SimpleQueue()
        self.wanted = Event()
        self.wanted.set()
        self.listener = SQLiteListener(datastore, lambda: self.told.put(None), self.wanted)

    def hears(self, within: float = PATIENCE) -> bool:
        try:
            self.told.get(timeout=within)
        except Empty:
            return False
        return True

    def is_silent(self) -> bool:
        """Nothing has come for so long that it will not come: the system tells within a moment."""
        return not self.hears(within=0.2)


@contextmanager
def listening(datastore: Datastore) -> Iterator[Ear]:
    ear = Ear(datastore)
    try:
        assert ear.hears(), "once, when it has begun"
        yield ear
    finally:
        ear.wanted.set()
        ear.listener.close()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Datastore, Datastore]]:
    """One file, as two processes would open it."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    mine, other = Datastore(url=url), Datastore(url=url)
    create_tables(mine)
    yield mine, other
    other.close()
    mine.close()


def test_it_hears_a_commit_of_somebody_else(stores: tuple[Datastore, Datastore]) -> None:
    mine, other = stores
    with listening(mine) as ear:
        with other.write() as connection:
            connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
        assert ear.hears()


def test_of_each_commit_it_tells_when_it_can_be_read(
    stores: tuple[Datastore, Datastore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.storage.notify.sqlite_listener.LIMIT", PATIENCE)
    mine, other = stores
    with other.write() as connection:
        connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
    seen: SimpleQueue[int] = SimpleQueue()
    wanted = Event()
    wanted.set()
    listener = SQLiteListener(mine, lambda: seen.put(news(mine)), wanted)
    try:
        for count in range(1, 201):
            with other.write() as connection:
                # The first commit of two may be seen when the second one is written already.
                connection.exec_driver_sql("INSERT INTO news VALUES (1)")
            if count % 2 == 0:
                while seen.get(timeout=PATIENCE) < count:
                    pass
    finally:
        listener.close()


def news(datastore: Datastore) -> int:
    with datastore.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM news").scalar_one())


def test_it_hears_nothing_of_other_files(
    stores: tuple[Datastore, Datastore], tmp_path: Path
) -> None:
    with listening(stores[0]) as ear:
        (tmp_path / "shop.outside.db-wal").write_bytes(b"something")
        assert ear.is_silent()
        with stores[1].write() as connection:
            connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
        assert ear.hears()


def test_it_hears_nothing_while_nobody_writes(stores: tuple[Datastore, Datastore]) -> None:
    mine, other = stores
    with listening(mine) as ear:
        with other.read() as connection:
            connection.exec_driver_sql("SELECT 1")
        assert ear.is_silent()


def test_while_it_is_not_wanted_it_keeps_what_it_hears_to_itself(
    stores: tuple[Datastore, Datastore],
) -> None:
    mine, other = stores
    with listening(mine) as ear:
        ear.wanted.clear()
        with other.write() as connection:
            connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
        assert ear.is_silent()
        ear.wanted.set()
        assert ear.hears()


def test_where_it_listens_nobody_needs_to_look_often(
    stores: tuple[Datastore, Datastore], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, _ = stores
    with listening(mine) as ear:
        assert FileVersion(mine, ear.listener).pause == inf
    assert FileVersion(mine).pause == LOOK

    def refuse(*_: object) -> None:
        raise OSError(28, "no more watches")

    monkeypatch.setattr("inotify_simple.INotify.add_watch", refuse)
    deaf = SQLiteListener(mine, lambda: None, Event())
    try:
        assert FileVersion(mine, deaf).pause == LOOK
    finally:
        deaf.close()


def test_only_files_can_be_listened_to(
    stores: tuple[Datastore, Datastore], postgres_store: str
) -> None:
    assert can_listen(stores[0])
    for url in ("sqlite:///:memory:", postgres_store):
        datastore = Datastore(url=url)
        assert not can_listen(datastore)
        datastore.close()
