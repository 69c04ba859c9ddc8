"""Notifications of writes to a SQLite file by another process."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

import pytest

from sagaline.storage import Datastore
from sagaline.storage.notify.file_version import FILE_POLL_INTERVAL, FileVersion
from sagaline.storage.notify.sqlite_listener import SQLiteListener, can_listen
from sagaline.storage.tables.creation import create_tables

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify needs Linux")

PATIENCE = 120.0


class Probe:
    """Listens to a store and counts the notifications."""

    def __init__(self, datastore: Datastore) -> None:
        self.notices: SimpleQueue[None] = SimpleQueue()
        self.resting = Event()
        self.resting.set()
        self.listener = SQLiteListener(datastore, lambda: self.notices.put(None), self.resting)

    def notified(self, within: float = PATIENCE) -> bool:
        try:
            self.notices.get(timeout=within)
        except Empty:
            return False
        return True

    def stays_silent(self) -> bool:
        """No notification came for much longer than one takes."""
        return not self.notified(within=0.2)


@contextmanager
def listening(datastore: Datastore) -> Iterator[Probe]:
    probe = Probe(datastore)
    try:
        assert probe.notified(), "one call when it starts to listen"
        yield probe
    finally:
        probe.resting.set()
        probe.listener.close()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Datastore, Datastore]]:
    """Two datastores of one file, like those of two processes."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    mine, other = Datastore(url=url), Datastore(url=url)
    create_tables(mine)
    yield mine, other
    other.close()
    mine.close()


def test_a_commit_of_another_connection_is_notified(stores: tuple[Datastore, Datastore]) -> None:
    mine, other = stores
    with listening(mine) as probe:
        with other.write() as connection:
            connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
        assert probe.notified()


def test_each_commit_is_notified_once_it_is_readable(
    stores: tuple[Datastore, Datastore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.storage.notify.sqlite_listener.COMMIT_TIMEOUT", PATIENCE)
    mine, other = stores
    with other.write() as connection:
        connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
    seen: SimpleQueue[int] = SimpleQueue()
    resting = Event()
    resting.set()
    listener = SQLiteListener(mine, lambda: seen.put(news(mine)), resting)
    try:
        for count in range(1, 201):
            with other.write() as connection:
                # The first of two commits may become visible while the second is written.
                connection.exec_driver_sql("INSERT INTO news VALUES (1)")
            if count % 2 == 0:
                while seen.get(timeout=PATIENCE) < count:
                    pass
    finally:
        listener.close()


def news(datastore: Datastore) -> int:
    with datastore.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM news").scalar_one())


def test_writes_to_other_files_are_not_notified(
    stores: tuple[Datastore, Datastore], tmp_path: Path
) -> None:
    with listening(stores[0]) as probe:
        (tmp_path / "shop.outside.db-wal").write_bytes(b"something")
        assert probe.stays_silent()
        with stores[1].write() as connection:
            connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
        assert probe.notified()


def test_reads_are_not_notified(stores: tuple[Datastore, Datastore]) -> None:
    mine, other = stores
    with listening(mine) as probe:
        with other.read() as connection:
            connection.exec_driver_sql("SELECT 1")
        assert probe.stays_silent()


def test_notifications_are_held_back_while_the_runner_is_busy(
    stores: tuple[Datastore, Datastore],
) -> None:
    mine, other = stores
    with listening(mine) as probe:
        probe.resting.clear()
        with other.write() as connection:
            connection.exec_driver_sql("CREATE TABLE news (id INTEGER)")
        assert probe.stays_silent()
        probe.resting.set()
        assert probe.notified()


def test_polling_stops_while_notifications_arrive(
    stores: tuple[Datastore, Datastore], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, _ = stores
    with listening(mine) as probe:
        assert FileVersion(mine, probe.listener).pause == inf
    assert FileVersion(mine).pause == FILE_POLL_INTERVAL

    def refuse(*_: object) -> None:
        raise OSError(28, "no more watches")

    monkeypatch.setattr("inotify_simple.INotify.add_watch", refuse)
    failing = SQLiteListener(mine, lambda: None, Event())
    try:
        assert FileVersion(mine, failing).pause == FILE_POLL_INTERVAL
    finally:
        failing.close()


def test_only_files_have_notifications(
    stores: tuple[Datastore, Datastore], postgres_store: str
) -> None:
    assert can_listen(stores[0])
    for url in ("sqlite:///:memory:", postgres_store):
        datastore = Datastore(url=url)
        assert not can_listen(datastore)
        datastore.close()
