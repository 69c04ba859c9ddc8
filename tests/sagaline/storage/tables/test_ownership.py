"""Stores belong to one system, and unusable stores are refused."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, make_url

from sagaline.errors import StoreOfAnotherSystem, StoreTooNew, StoreUnusable
from sagaline.storage import Datastore, own_store, refuse_foreign_application
from sagaline.storage.tables.creation import create_tables
from tests.sagaline.storage.stores import opened, outside, recorder_of


def test_the_first_system_claims_a_store_and_may_use_it_again(store_url: str) -> None:
    with opened(store_url) as datastore:
        own_store(datastore, "shop", ["Orders", "Payments"])
        own_store(datastore, "shop", ["Orders", "Payments"])
        refuse_foreign_application(datastore, "Orders")
    with outside(store_url) as connection:
        row = connection.exec_driver_sql("SELECT version, system, applications FROM store").one()
    assert tuple(row) == (1, "shop", '["Orders", "Payments"]')


def test_another_system_is_refused(store_url: str) -> None:
    with opened(store_url) as datastore:
        own_store(datastore, "shop", ["Orders"])
        with pytest.raises(StoreOfAnotherSystem) as refused:
            own_store(datastore, "bank", ["Accounts"])
        assert (refused.value.found, refused.value.wanted) == ("shop", "bank")
        with pytest.raises(StoreOfAnotherSystem):
            refuse_foreign_application(datastore, "Accounts")
        refuse_foreign_application(datastore, "Orders")


def test_a_system_may_add_applications(store_url: str) -> None:
    with opened(store_url) as datastore:
        own_store(datastore, "shop", ["Orders"])
        own_store(datastore, "shop", ["Orders", "Shipping"])
        own_store(datastore, "shop", [])
        refuse_foreign_application(datastore, "Orders")
        refuse_foreign_application(datastore, "Shipping")


def test_the_owner_of_a_store_is_read_once_for_all_its_applications(store_url: str) -> None:
    with opened(store_url) as datastore:
        own_store(datastore, "shop", ["Orders", "Shipping"])
        reads: list[str] = []
        event.listen(
            datastore.engine,
            "before_cursor_execute",
            lambda *given: reads.append(given[2]),
        )
        for _ in range(3):
            refuse_foreign_application(datastore, "Orders")
            refuse_foreign_application(datastore, "Shipping")
        assert len([each for each in reads if "applications" in each]) == 1
        own_store(datastore, "shop", [], removed=["Shipping"])
        with pytest.raises(StoreOfAnotherSystem):
            refuse_foreign_application(datastore, "Shipping")


def test_an_unclaimed_store_serves_any_application(store_url: str) -> None:
    with opened(store_url) as datastore:
        refuse_foreign_application(datastore, "Anything")
        recorder_of(datastore)
        refuse_foreign_application(datastore, "Anything")
        own_store(datastore, "shop", ["Orders"])


def test_a_check_creates_nothing(store_url: str, tmp_path: Path) -> None:
    with opened(store_url) as datastore:
        refuse_foreign_application(datastore, "Orders")
    assert list(tmp_path.iterdir()) == []
    with outside(store_url) as connection:
        assert inspect(connection).get_table_names() == []


def test_a_newer_store_is_refused(store_url: str) -> None:
    with opened(store_url) as datastore:
        own_store(datastore, "shop", ["Orders"])
    with outside(store_url) as connection:
        connection.exec_driver_sql("UPDATE store SET version = 7")
    with opened(store_url) as datastore:
        with pytest.raises(StoreTooNew) as newer:
            own_store(datastore, "shop", ["Orders"])
        assert (newer.value.found, newer.value.known) == (7, 1)
        with pytest.raises(StoreTooNew):
            refuse_foreign_application(datastore, "Orders")
        with pytest.raises(StoreTooNew):
            create_tables(datastore)


@pytest.mark.parametrize("table", ["store", "timers"])
def test_a_framework_table_name_used_by_another_program_is_refused(
    store_url: str, table: str
) -> None:
    with outside(store_url) as connection:
        connection.exec_driver_sql(f"CREATE TABLE {table} (id INTEGER)")
    assert _reason(store_url) == f"its table {table!r} is not one of Sagaline"
    with opened(store_url) as datastore, pytest.raises(StoreUnusable):
        create_tables(datastore)
    with outside(store_url) as connection:
        assert inspect(connection).get_table_names() == [table]


def _reason(url: str) -> str:
    with pytest.raises(StoreUnusable) as unusable, opened(url) as datastore:
        own_store(datastore, "shop", ["Orders"])
    message = str(unusable.value)
    assert "\n" not in message
    assert "sqlalche.me" not in message
    assert "Traceback" not in message
    return unusable.value.reason


def test_a_file_that_is_no_database_is_unusable_and_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, " * 100)
    assert _reason(f"sqlite:///{file}") == f"{file} is not a SQLite database"
    assert file.read_text() == "not a database, " * 100
    assert list(tmp_path.iterdir()) == [file]


def test_a_directory_is_unusable(tmp_path: Path) -> None:
    assert _reason(f"sqlite:///{tmp_path}") == f"{tmp_path} is a directory"


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'missing' / 'shop.db'}"
    assert _reason(url) == f"the directory {tmp_path / 'missing'} does not exist"
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_file_is_unusable(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with outside(f"sqlite:///{file}") as connection:
        connection.exec_driver_sql("CREATE TABLE x (y)")
    url = f"sqlite:///file:{file}?mode=ro&uri=true"
    assert _reason(url) == f"{file} can only be read"


@pytest.fixture
def ordinary_user(sqlite_store: str) -> Iterator[Path]:
    """A directory, in a process with the rights of an ordinary user."""
    _claim(sqlite_store)  # imports late modules while they are readable
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp())
    if root:
        os.seteuid(65534)
    else:
        folder.chmod(0o500)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def _claim(url: str) -> None:
    with opened(url) as datastore:
        own_store(datastore, "shop", ["Orders"])


def test_a_missing_permission_is_named(ordinary_user: Path) -> None:
    reason = _reason(f"sqlite:///{ordinary_user / 'shop.db'}")
    assert reason == f"there is no permission to write in the directory {ordinary_user}"


def test_a_file_system_without_write_ahead_logging_is_unusable(tmp_path: Path) -> None:
    url = f"sqlite:///file:{tmp_path / 'shop.db'}?vfs=unix-dotfile&uri=true"
    assert _reason(url).startswith("write-ahead logging is refused there")


def test_a_server_that_does_not_answer_is_unusable_and_the_password_stays_secret() -> None:
    url = "postgresql+psycopg://shop:sesame@127.0.0.1:1/shop"
    with pytest.raises(StoreUnusable) as unusable, opened(url) as datastore:
        create_tables(datastore)
    assert "Connection refused" in unusable.value.reason
    assert "sesame" not in str(unusable.value)
    assert "\n" not in str(unusable.value)


def test_a_missing_database_is_named(postgres_store: str) -> None:
    url = make_url(postgres_store).set(database="nowhere")
    reason = _reason(url.render_as_string(hide_password=False))
    assert reason.endswith('database "nowhere" does not exist')


@pytest.mark.parametrize("url", ["mysql://localhost/shop", "sqlite+aiosqlite:///x", "oracle://x"])
def test_other_databases_and_drivers_are_refused(url: str) -> None:
    with pytest.raises(StoreUnusable, match="only sqlite"):
        Datastore.open(url)


@pytest.mark.parametrize("schema", [None, "shop"])
def test_without_the_driver_of_postgresql_the_extra_is_named(
    schema: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # an import of it fails then
    with pytest.raises(StoreUnusable, match=r"psycopg.*install sagaline\[postgres\]") as refused:
        Datastore(url="postgresql://user:secret@localhost/shop", schema=schema)
    assert "secret" not in str(refused.value)


def test_an_invalid_url_is_refused() -> None:
    with pytest.raises(StoreUnusable, match="not a SQLAlchemy URL"):
        Datastore.open("shop.db")


def test_short_forms_of_the_server_url_are_accepted(postgres_store: str) -> None:
    for scheme in ("postgresql", "postgres"):
        with opened(postgres_store.replace("postgresql+psycopg", scheme)) as datastore:
            assert datastore.engine.driver == "psycopg"
            create_tables(datastore)
