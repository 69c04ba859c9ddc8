"""A fork of the server is a process like others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forks import FORKED, HOUSE, TESTS, Forked

ENV = {**os.environ, "PYTHONPATH": str(HOUSE)}


def started(
    program: str, folder: Path, env: dict[str, str] = ENV, **streams: int
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program]
    return Forked(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, **streams)


def test_the_places_of_forks_are_there() -> None:
    assert [each for each in FORKED if not (TESTS / each).exists()] == []


@pytest.mark.usefixtures("fork_server")
def test_a_fork_has_its_own_pid_folder_environment_and_streams(tmp_path: Path) -> None:
    program = "import os; print(os.getpid(), os.getcwd(), os.environ['ORDER'], input())"
    process = started(program, tmp_path, {**ENV, "ORDER": "7"}, stdin=subprocess.PIPE)
    said, _ = process.communicate("placed\n")
    assert said == f"{process.pid} {tmp_path} 7 placed\n"
    assert process.returncode == 0


@pytest.mark.usefixtures("fork_server")
def test_the_project_is_imported_before_a_fork_starts(tmp_path: Path) -> None:
    program = "import sys; print('sagaline.cli.commands.run' in sys.modules)"
    assert started(program, tmp_path).communicate()[0] == "True\n"


@pytest.mark.usefixtures("fork_server")
@pytest.mark.parametrize(
    ("program", "status"),
    [("raise SystemExit(3)", 3), ("import os; os._exit(4)", 4), ("1 / 0", 1)],
)
def test_the_status_of_a_fork_is_its_own(tmp_path: Path, program: str, status: int) -> None:
    process = started(program, tmp_path, stderr=subprocess.PIPE)
    process.communicate()
    assert process.returncode == status


@pytest.mark.usefixtures("fork_server")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_fork_is_ended_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = started("input()", tmp_path, stdin=subprocess.PIPE)
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait() == -number
    process.communicate()


def test_a_process_with_other_modules_or_another_start_is_no_fork(tmp_path: Path) -> None:
    program = "import sys; print('sagaline' in sys.modules)"
    for env in ({**ENV, "PYTHONPATH": str(tmp_path)}, {**ENV, "PYTHONHASHSEED": "1"}):
        assert started(program, tmp_path, env).communicate()[0] == "False\n"
