"""Marks as slow each test that starts a server or a process; `make test-fast` runs the others.

The few that try very many cases carry the mark in their file.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from inspect import isclass, isfunction, unwrap
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

TESTS = Path(__file__).parent
SLOW_PLACES = (
    "benchmarks",
    "crash",
    "old_stores",
    "sagaline/testing/test_fault_matrix.py",
    "sagas/test_choreography.py",
    "test_docs.py",
    "test_packaging.py",
    "test_shop.py",
    "upstream",
)
"""Where nearly every test runs a whole system, plays very many cases, or builds a wheel."""

STARTS = {"subprocess", "Popen", "started", "fork", "get_context", "PROCESSES"}
"""Names whose use starts a process."""

SERVERS = {"postgres", "postgres_url", "postgres_store"}
"""Fixtures, and values of parameters, for which a server is started."""

NO_STARTERS = {"_processes_are_forks"}
"""Fixtures that decide how a process starts, and start none."""

STARTERS = ((subprocess.Popen, "__init__"), (BaseProcess, "start"), (os, "fork"))

LIBRARY_LOOKUP = "/sbin/ldconfig"
"""What `ctypes` runs, once in a process, to find the C library for inotify."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what `make test-fast` leaves out."""
    if config.getoption("markexpr") == "not slow" and _is_slow_place(collection_path):
        return True
    return None


def _is_slow_place(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / each) for each in SLOW_PLACES)


def mark_slow_tests(items: list[pytest.Item]) -> None:
    """Mark the slow tests."""
    for item in items:
        if is_slow(item):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _fast_tests_start_no_process(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a test fail that starts a process without being marked as slow."""
    if request.node.get_closest_marker("slow") is None:
        for where, name in STARTERS:
            monkeypatch.setattr(where, name, _refusing(getattr(where, name)))


def _refusing(start: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(*arguments: Any, **named: Any) -> Any:
        if LIBRARY_LOOKUP in str(arguments[1:]):
            return start(*arguments, **named)
        raise AssertionError("A test that is not marked as slow starts a process: tests/slow.py")

    return refuse


def is_slow(item: pytest.Item) -> bool:
    """Whether a test stands at a slow place, is given a server, or calls what starts a process."""
    if _is_slow_place(item.path):
        return True
    if not isinstance(item, pytest.Function):
        return False
    if not SERVERS.isdisjoint([*item.fixturenames, *_values_of(item)]):
        return True
    return any(starts_process(each) for each in _functions_of(item))


def _values_of(item: pytest.Function) -> Iterator[str]:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    yield from (each for each in parameters if isinstance(each, str))


def _functions_of(item: pytest.Function) -> Iterator[Callable[..., Any]]:
    """The test and its fixtures."""
    yield item.function
    for name, fixtures in item._fixtureinfo.name2fixturedefs.items():
        if name not in NO_STARTERS:
            yield from (each.func for each in fixtures)


def starts_process(function: Any, seen: set[Any] | None = None) -> bool:
    """Whether a function of the tests, or one that it calls, names what starts a process."""
    seen = set() if seen is None else seen
    seen.add(function)
    if isclass(function):
        return any(starts_process(each, seen) for each in _methods(function) if each not in seen)
    function = unwrap(function)
    if not isfunction(function):
        return False
    names = set(_names(function.__code__))
    if not STARTS.isdisjoint(names):
        return True
    called = (function.__globals__.get(each) for each in names)
    return any(starts_process(each, seen) for each in called if _is_ours(each) and each not in seen)


def _methods(of: type) -> Iterator[Any]:
    yield from (each for each in vars(of).values() if isfunction(each))


def _is_ours(found: Any) -> bool:
    return (isfunction(found) or isclass(found)) and found.__module__.startswith("tests.")


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
