"""A rebuild logs its start, how far it is, and its end."""

import logging

import pytest

from sagaline import Rebuilt
from sagaline.rebuilding import rebuild_log
from sagaline.rebuilding.progress import no_progress
from sagaline.rebuilding.rebuild_log import RebuildLog
from tests.sagaline.logged import logged


@pytest.fixture(autouse=True)
def _at_level_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sagaline")


def test_a_rebuild_is_logged_from_its_start_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    book = RebuildLog("balances", verify=False, progress=no_progress)
    book.progress("balances", 5, 10)
    book.end(Rebuilt("balances", events=10, rows=2, seconds=1.5))
    assert logged(caplog, logging.INFO, "Rebuilds balances from the logs")
    (end,) = logged(caplog, logging.INFO, "balances is rebuilt, in 1.5 s")
    assert (end["follower"], end["events"], end["rows"], end["seconds"]) == ("balances", 10, 2, 1.5)
    assert logged(caplog, logging.INFO, "passed") == [], "it has just begun"


def test_its_progress_is_logged_from_time_to_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_log, "PROGRESS_LOG_INTERVAL", 0.0)
    seen: list[int] = []
    book = RebuildLog("balances", False, lambda view, passed, total: seen.append(passed))
    book.progress("balances", 5, 10)
    (fields,) = logged(caplog, logging.INFO, "balances: 5 of 10 log positions passed")
    assert fields == {"follower": "balances", "passed": 5, "total": 10}
    assert seen == [5], "the progress bar goes on"


def test_a_table_that_differs_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    book = RebuildLog("balances", verify=True, progress=no_progress)
    book.end(Rebuilt("balances", 10, 2, 1.5, ["secret-key"]))
    (fields,) = logged(caplog, logging.WARNING, "balances differs from the logs")
    assert fields["differences"] == 1
    assert "secret-key" not in caplog.text
