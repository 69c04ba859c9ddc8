"""Leaves coverage out of tests that run what others run too: it doubles their processor time.

The few others that try very many cases carry the mark `no_cover` in their file.
"""

import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

NEVER = (
    "benchmarks",
    "cli",
    "crash",
    "old_stores",
    "projections/test_interleaving.py",
    "sagaline/cli/test_early_signals.py",
    "sagaline/cli/test_run.py",
    "sagaline/cli/test_saga_actions.py",
    "sagaline/messaging/test_script.py",
    "sagaline/rebuilding/test_worker.py",
    "sagaline/runner/test_thousand_calls.py",
    "sagaline/storage/sql/test_finalizers.py",
    "sagaline/testing/test_fault_matrix.py",
    "sagas/test_choreography.py",
    "sagas/test_kitchen.py",
    "sagas/test_picnic.py",
    "sagaline/testing/test_mutants.py",
    "sagaline/testing/test_system_matrix.py",
    "systems",
    "test_docs.py",
    "test_shop.py",
    "trips",
    "upstream",
)
"""Where whole systems run in processes of their own, and where very many cases are tried."""

NOT_ON_POSTGRES = (
    "application",
    "cli",
    "old_stores",
    "projections",
    "sagaline/admin",
    "sagaline/application",
    "sagaline/cli",
    "sagaline/followers",
    "sagaline/rebuilding/test_rebuild.py",
    "sagaline/rebuilding/test_worker.py",
    "sagaline/runner",
    "sagaline/system",
    "sagaline/testing",
    "sagas",
    "test_shop.py",
    "trips",
)
"""Where a test runs the same lines on both databases; those that differ are in other rooms."""


def leave_out_coverage(items: list[pytest.Item]) -> None:
    """Mark the tests whose lines are not counted."""
    for item in items:
        if _stands_at(item, NEVER) or (_is_on_postgres(item) and _stands_at(item, NOT_ON_POSTGRES)):
            item.add_marker(pytest.mark.no_cover)


def _stands_at(item: pytest.Item, places: tuple[str, ...]) -> bool:
    return any(item.path.is_relative_to(TESTS / each) for each in places)


def _is_on_postgres(item: pytest.Item) -> bool:
    return hasattr(item, "callspec") and "postgres" in item.callspec.params.values()


@pytest.fixture(autouse=True)
def _processes_start_without_coverage(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.get_closest_marker("no_cover") is not None:
        for name in [*os.environ]:
            if name.startswith("COVERAGE_PROCESS_"):
                monkeypatch.delenv(name)
