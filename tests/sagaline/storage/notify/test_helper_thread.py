"""A helper thread does its work again after an error, and says so."""

import logging
from threading import Event

import pytest

from sagaline.storage.notify.helper_thread import HelperThread

PATIENCE = 60.0


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), SystemExit(3), OSError("a fault")])
def test_a_helper_thread_goes_on_after_any_error(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    errors, recovered = [error, error], Event()

    def work() -> None:
        if errors:
            raise errors.pop()
        recovered.set()
        thread.stopping.wait()

    thread = HelperThread("a helper", work, lambda: OSError)
    with caplog.at_level(logging.INFO):
        thread.start()
        assert recovered.wait(PATIENCE)
    alive = [thread.is_alive]
    thread.stop()
    assert [*alive, thread.is_alive] == [True, False]
    assert len(caplog.records) == 2
    for each in caplog.records:
        assert "a helper" in each.message
        is_fault = isinstance(error, OSError)
        assert (each.levelname, each.exc_info is None) == (
            ("INFO", True) if is_fault else ("ERROR", False)
        )


def test_a_thread_that_was_never_started_can_be_stopped() -> None:
    thread = HelperThread("a helper", lambda: None, lambda: OSError)
    thread.stop()
    assert not thread.is_alive
