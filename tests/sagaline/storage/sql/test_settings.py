"""The settings of new connections."""

import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from sagaline.storage import Datastore
from tests.sagaline.storage.stores import bare, opened, outside, placed, recorded, recorder_of


def _pragma(datastore: Datastore, name: str) -> Any:
    with datastore.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _written_to(store: str) -> int:
    """Bytes in the write-ahead log."""
    return Path(f"{make_url(store).database}-wal").stat().st_size


def test_a_commit_on_sqlite_is_on_disk(sqlite_store: str) -> None:
    with opened(f"{sqlite_store}?synchronous=OFF") as datastore:
        assert _pragma(datastore, "journal_mode") == "wal"
        assert _pragma(datastore, "synchronous") == 2
        assert _pragma(datastore, "foreign_keys") == 0
        assert _pragma(datastore, "busy_timeout") == 30_000


def test_a_dropped_table_is_not_overwritten(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        with datastore.write() as connection:
            connection.exec_driver_sql("CREATE TABLE scrap (words TEXT)")
            connection.exec_driver_sql("INSERT INTO scrap VALUES (?)", [("w" * 3_000,)] * 500)
        written = _written_to(sqlite_store)
        with datastore.write() as connection:
            connection.exec_driver_sql("DROP TABLE scrap")
        assert _written_to(sqlite_store) - written < 10 * 4_096


def test_the_library_ignores_the_synchronous_setting_of_the_url(sqlite_store: str) -> None:
    with bare(f"{sqlite_store}?synchronous=OFF") as library:
        with library.transaction(commit=False) as session:
            found = [
                session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert found == ["wal", 2, 0]


def test_the_library_waits_five_seconds_for_a_lock(sqlite_store: str) -> None:
    with bare(sqlite_store) as library, library.engine.connect() as connection:  # type: ignore[union-attr]
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5_000


def test_the_timeout_of_the_url_overrides_the_default(sqlite_store: str) -> None:
    with opened(f"{sqlite_store}?timeout=1.5") as datastore:
        assert _pragma(datastore, "busy_timeout") == 1_500


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory_has_no_write_ahead_log(url: str) -> None:
    with opened(url) as datastore:
        assert _pragma(datastore, "journal_mode") == "memory"
        assert recorder_of(datastore).head() == 0


def test_a_write_acquires_the_lock_before_it_reads(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        recorder_of(datastore)
        with (
            datastore.write(),
            outside(f"{sqlite_store}?timeout=0") as other,
            pytest.raises(OperationalError, match="locked"),
        ):
            other.exec_driver_sql("BEGIN IMMEDIATE")
        with datastore.read(), outside(f"{sqlite_store}?timeout=0") as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            other.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize(("asked", "count"), [("", "3"), ("&keepalives_count=7", "7")])
def test_connections_notice_a_lost_machine(postgres_store: str, asked: str, count: str) -> None:
    with opened(f"{postgres_store}{asked}") as datastore, datastore.read() as connection:
        driver: Any = connection.connection.dbapi_connection
        told = driver.info.get_parameters()
    assert told["tcp_user_timeout"] == "10000"
    assert (told["keepalives_idle"], told["keepalives_count"]) == ("5", count)


def test_transactions_have_limits(postgres_store: str) -> None:
    silence = "SHOW idle_in_transaction_session_timeout"
    with opened(postgres_store) as datastore:
        with datastore.write() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "5s"
            assert connection.exec_driver_sql(silence).scalar() == "4s"
        with datastore.read() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "5s"
            assert connection.exec_driver_sql(silence).scalar() == "0"
            level = connection.exec_driver_sql("SHOW transaction_isolation").scalar()
            assert level == "read committed"
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def _modes(folder: Path) -> dict[str, int]:
    return {each.suffix: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


@pytest.mark.parametrize("url", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_only_the_owner_can_read_a_new_file(tmp_path: Path, url: str) -> None:
    with opened(url.format(tmp_path / "shop.db")) as datastore:
        recorded(recorder_of(datastore), placed())
        assert _modes(tmp_path) == {".db": 0o600, ".db-wal": 0o600, ".db-shm": 0o600}


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    file.touch()
    file.chmod(0o660)
    with opened(f"sqlite:///{file}") as datastore:
        recorded(recorder_of(datastore), placed())
        assert _modes(tmp_path) == {".db": 0o660, ".db-wal": 0o660, ".db-shm": 0o660}
