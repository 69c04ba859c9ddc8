"""Signals during a wait for input, in a finalizer and in a block that defers them."""

import os
import signal
import sys
from collections.abc import Iterator
from threading import Timer

import pytest
import typer
from eventsourcing.persistence import PersistenceError

from sagaline.cli.entrypoint import Program, launch
from sagaline.cli.signals import exit_on_signals, signals_deferred, wait_for

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
            wait_for(pipe[0])

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
            wait_for(pipe[0])
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
            wait_for(pipe[0])

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
