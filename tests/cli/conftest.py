"""Command lines, run in an empty folder on stores of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine, clean_environment
from tests.cli.orders import ACCEPTED, json_lines
from tests.originals import Fill

Happened = Callable[[CommandLine], object]
"""What has happened in a shop before a test begins."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(here: Path) -> CommandLine:
    """Runs command lines in an empty folder, with nothing set in the environment."""
    return CommandLine(here, clean_environment())


@pytest.fixture
def shop(run: CommandLine, store_url: str) -> CommandLine:
    """Runs command lines on a new store of the shop, on each kind of database."""
    return run.on(store_url)


@pytest.fixture
def shop_after(
    run: CommandLine, copied: Callable[[str, Fill], str]
) -> Callable[[Happened], CommandLine]:
    """Runs command lines on a copy of a shop in which something has happened, once for all tests.

    It must not matter how long ago that was: timers that wait are due much later.
    """

    def shop(happened: Happened) -> CommandLine:
        name = f"{happened.__module__}.{happened.__qualname__}"
        return run.on(copied(name, lambda store: happened(run.on(store))))

    return shop


@pytest.fixture
def sqlite_shop(run: CommandLine, sqlite_store: str) -> CommandLine:
    """Runs command lines on a new SQLite file, which is not there yet."""
    return run.on(sqlite_store)


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A shop in which one order was completed, one was cancelled, and one waits for a person.

    It is for looking at alone: all tests share it.
    """
    folder = tmp_path_factory.mktemp("settled")
    run = CommandLine(folder, clean_environment(), f"sqlite:///{folder / 'shop.db'}")
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert run.application("stock", "-", input=stock).status == 0
    assert run.application("place", "-", input=json_lines(ACCEPTED)).status == 0
    assert run.sagaline("run", "--until-settled").status == 1
    return run
