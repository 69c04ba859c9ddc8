"""A SQLite file that is deleted, moved, replaced or cut short while a process has it open."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sagaline.errors import StoreUnusable
from sagaline.storage import Datastore
from tests.sagaline.storage.stores import counted, opened, placed, recorded, recorder_of


def _delete(file: Path) -> None:
    file.unlink()


def _delete_with_its_log(file: Path) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()


def _move(file: Path) -> None:
    file.rename(file.with_suffix(".moved"))


def _replace(file: Path) -> None:
    copy = file.with_suffix(".copy")
    shutil.copy(file, copy)
    copy.replace(file)


def _empty(file: Path) -> None:
    os.truncate(file, 0)


def _halve(file: Path) -> None:
    os.truncate(file, 8_192)


HARM = (_delete, _delete_with_its_log, _move, _replace, _empty, _halve)


@pytest.fixture
def datastore(tmp_path: Path) -> Datastore:
    datastore = Datastore.open(f"sqlite:///{tmp_path / 'shop.db'}")
    recorded(recorder_of(datastore), *(placed() for _ in range(200)))
    with datastore.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        connection.rollback()
    with datastore.read():
        pass  # it has seen the whole file
    return datastore


@pytest.mark.parametrize("harm", HARM)
def test_no_event_is_acknowledged_that_is_in_no_file(
    datastore: Datastore, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    recorder = recorder_of(datastore)
    harm(tmp_path / "shop.db")
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=r"its file was .* restore the file"):
            recorded(recorder, placed())
        with pytest.raises(StoreUnusable, match="its file was"):
            recorder.head()
    datastore.close()


@pytest.mark.parametrize("harm", HARM)
def test_no_event_is_acknowledged_if_the_file_is_lost_in_its_transaction(
    datastore: Datastore, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    recorder = recorder_of(datastore)

    def write() -> None:
        with datastore.write() as connection:
            recorder.append(connection, [placed()])
            harm(tmp_path / "shop.db")

    with pytest.raises(StoreUnusable, match="its file was"):
        write()
    datastore.close()


def test_no_event_is_acknowledged_that_is_in_a_deleted_log(
    datastore: Datastore, tmp_path: Path
) -> None:
    recorder = recorder_of(datastore)
    (tmp_path / "shop.db-wal").unlink()
    with pytest.raises(StoreUnusable, match="its write-ahead log was deleted"):
        recorded(recorder, placed())
    datastore.close()


def test_a_file_that_became_smaller_by_a_vacuum_is_whole(
    datastore: Datastore, tmp_path: Path
) -> None:
    recorder = recorder_of(datastore)
    file = tmp_path / "shop.db"
    with datastore.write() as connection:
        connection.exec_driver_sql("CREATE TABLE scrap (words TEXT)")
        connection.exec_driver_sql("INSERT INTO scrap VALUES (?)", [("w" * 3_000,)] * 500)
    with datastore.write() as connection:
        connection.exec_driver_sql("DROP TABLE scrap")
    outside = sqlite3.connect(file)
    outside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    recorded(recorder, placed())
    before = file.stat().st_size
    outside.execute("VACUUM")
    outside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    outside.close()
    assert file.stat().st_size < before
    assert len(recorded(recorder, placed())) == 1
    datastore.close()


def test_a_process_may_begin_anew_with_a_new_file(datastore: Datastore, tmp_path: Path) -> None:
    url = datastore.url
    _delete_with_its_log(tmp_path / "shop.db")
    with opened(url) as again:
        assert recorded(recorder_of(again), placed()) == [1]
        with pytest.raises(StoreUnusable, match="its file was replaced"):
            recorded(recorder_of(datastore), placed())
        datastore.close()
        assert recorded(recorder_of(again), placed()) == [2]
    assert counted(url, "orders_events") == 2


def test_a_relative_path_is_the_same_file_from_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///shop.db") as datastore:
        recorder = recorder_of(datastore)
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert recorded(recorder, placed()) == [1]
