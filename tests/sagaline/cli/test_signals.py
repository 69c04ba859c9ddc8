"""A signal ends a command also while it waits for input."""

import os
import signal
import sys
from collections.abc import Iterator
from threading import Timer

import pytest
import typer
from eventsourcing.persistence import PersistenceError

from sagaline.cli.entrypoint import Program, launch
from sagaline.cli.signals import ending, undivided, wait_for


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reads, writes = os.pipe()
    yield reads, writes
    os.close(reads)
    os.close(writes)


def test_a_signal_ends_the_wait(pipe: tuple[int, int]) -> None:
    def wait() -> None:
        with ending():
            Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
            wait_for(pipe[0])

    with pytest.raises(SystemExit):
        wait()


def test_a_signal_that_is_only_noticed_does_not_end_the_wait(pipe: tuple[int, int]) -> None:
    heard: list[bytes] = []

    def wait() -> None:
        with ending(), undivided() as asked:
            signal.raise_signal(signal.SIGTERM)
            assert asked.is_set()
            Timer(0.05, os.write, (pipe[1], b"x")).start()
            wait_for(pipe[0])
            heard.append(os.read(pipe[0], 1))

    with pytest.raises(SystemExit):
        wait()
    assert heard == [b"x"]


def test_a_signal_that_comes_in_a_finalizer_ends_the_program_all_the_same(
    pipe: tuple[int, int],
) -> None:
    class Collected:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    went_on: list[bool] = []

    def wait() -> None:
        with ending():
            Collected()
            went_on.append(True)
            wait_for(pipe[0])

    with pytest.raises(SystemExit):
        wait()
    assert went_on, "what is raised in a finalizer ends nothing by itself"


def test_what_a_signal_has_cut_short_fails_without_a_word(
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
