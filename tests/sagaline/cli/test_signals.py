"""Signals during a wait for input, in a finalizer and in a block that defers them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from subprocess import PIPE
from threading import Timer

import pytest
import typer
from eventsourcing.persistence import PersistenceError

from sagaline.cli.entrypoint import Program, launch
from sagaline.cli.signal_watch import LATE
from sagaline.cli.signals import (
    exit_on_signals,
    signals_deferred,
    signals_noted,
    signals_unwatched,
    wait_to_read,
)

PATIENCE = 120.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reads, writes = os.pipe()
    yield reads, writes
    os.close(reads)
    os.close(writes)


def test_a_signal_ends_the_wait(pipe: tuple[int, int]) -> None:
    def wait() -> None:
        with exit_on_signals():
            Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
            wait_to_read(pipe[0])

    with pytest.raises(SystemExit):
        wait()


def test_a_signal_during_a_block_that_defers_it_does_not_end_the_wait(
    pipe: tuple[int, int],
) -> None:
    heard: list[bytes] = []

    def wait() -> None:
        with exit_on_signals(), signals_deferred() as asked:
            signal.raise_signal(signal.SIGTERM)
            assert asked.wait(PATIENCE)
            Timer(0.05, os.write, (pipe[1], b"x")).start()
            wait_to_read(pipe[0])
            heard.append(os.read(pipe[0], 1))

    with pytest.raises(SystemExit):
        wait()
    assert heard == [b"x"]


def test_a_signal_in_a_finalizer_ends_the_program(
    pipe: tuple[int, int],
) -> None:
    class Collected:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    went_on: list[bool] = []

    def wait() -> None:
        with exit_on_signals():
            Collected()
            went_on.append(True)
            wait_to_read(pipe[0])

    with pytest.raises(SystemExit):
        wait()
    assert went_on, "what is raised in a finalizer ends nothing by itself"


def test_an_error_after_a_signal_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = typer.Typer(cls=Program)

    @program.callback()
    def _all() -> None:
        pass

    @program.command()
    def cut() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            raise PersistenceError("another command is in progress")

    monkeypatch.setattr(sys, "argv", ["program", "cut"])
    with pytest.raises(SystemExit) as ended:
        launch(program, "program")
    assert ended.value.code == 0
    assert capsys.readouterr().err == ""


def ended(program: str, number: signal.Signals | None = None) -> tuple[int, str, str]:
    """What a program says that is the main one of a process, and gets a signal once it is ready."""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, text=True, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        if number is not None:
            process.send_signal(number)
        status = process.wait(PATIENCE)
        return status, first + process.stdout.read(), process.stderr.read()


OUTSIDE = """
import os, sqlite3, tempfile
from sagaline.cli.signals import end_process

def main():
    file = os.path.join(tempfile.mkdtemp(), "locked.db")
    first, second = (sqlite3.connect(file, isolation_level=None, timeout=600) for _ in range(2))
    first.execute("BEGIN IMMEDIATE")
    print("ready", flush=True)
    second.execute("BEGIN IMMEDIATE")  # Python runs no handler meanwhile

end_process(main)
"""


def test_a_signal_ends_a_program_that_waits_outside_of_python() -> None:
    status, _, errors = ended(OUTSIDE, signal.SIGTERM)
    assert status == 0
    assert errors in (LATE.decode(), ""), "a machine that is busy may have no time for a word"


ENDING = """
import atexit, sys
from sagaline.cli.signals import end_process

class Large:
    def __del__(self):
        print("freed")

def main():
    global kept
    kept = Large()
    atexit.register(print, "registered")
    print("ready")
    {end}

end_process(main)
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("pass", 0), ("sys.exit()", 0), ("sys.exit(2)", 2), ("sys.exit('a word')", 1), ("1 / 0", 1)],
)
def test_the_end_of_the_program_is_that_of_the_process(end: str, status: int) -> None:
    found, output, errors = ended(ENDING.format(end=end))
    assert found == status
    assert output.splitlines()[:2] == ["ready", "registered"]
    if status == 1:
        assert "a word" in errors or "ZeroDivisionError" in errors
    else:
        assert "freed" not in output, "to free a full memory takes seconds"


def test_a_process_has_no_thread_for_signals_while_it_forks() -> None:
    with signals_noted() as watch:
        with signals_unwatched():
            assert "sagaline-signals" not in [each.name for each in threading.enumerate()]
        signal.raise_signal(signal.SIGTERM)
        assert watch.asked.wait(PATIENCE)
