"""A signal ends a command also while it waits for input."""

import os
import signal
from threading import Timer

import pytest

from sagaline.cli.signals import ending, undivided, wait_for


def test_a_signal_ends_the_wait() -> None:
    reads, writes = os.pipe()
    try:
        with pytest.raises(SystemExit), ending():
            Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
            wait_for(reads)
    finally:
        os.close(reads)
        os.close(writes)


def test_a_signal_that_is_only_noticed_does_not_end_the_wait() -> None:
    reads, writes = os.pipe()
    try:
        with pytest.raises(SystemExit), ending(), undivided() as asked:
            signal.raise_signal(signal.SIGTERM)
            assert asked.is_set()
            Timer(0.05, os.write, (writes, b"x")).start()
            wait_for(reads)
            assert os.read(reads, 1) == b"x"
    finally:
        os.close(reads)
        os.close(writes)
