"""Which tests are slow, and that no other starts a process."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.slow import starts_process


def asks_a_process() -> None:
    import_module("subprocess").run([sys.executable, "-c", "pass"], check=True)


def names_a_process() -> None:
    import subprocess

    subprocess.run([sys.executable, "-c", "pass"], check=True)


class Caller:
    def call(self) -> None:
        names_a_process()


def test_what_calls_what_starts_a_process_is_slow() -> None:
    assert starts_process(names_a_process)
    assert starts_process(Caller)
    assert not starts_process(asks_a_process)


def test_a_fast_test_that_starts_a_process_after_all_fails() -> None:
    with pytest.raises(AssertionError, match="starts a process"):
        asks_a_process()


def test_a_server_makes_a_test_slow(store_url: str, request: pytest.FixtureRequest) -> None:
    is_server = store_url.startswith("postgresql")
    assert (request.node.get_closest_marker("slow") is not None) is is_server


def test_a_file_alone_leaves_a_test_fast(
    sqlite_store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert request.node.get_closest_marker("slow") is None
