"""A signal ends a command with status 0 from its first moments on, while it imports modules."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.command_line import LIMIT, CommandLine
from tests.cli.orders import json_lines, order

pytestmark = pytest.mark.no_cover

MOMENTS = {
    "handlers": signal.SIGTERM,
    "pydantic_core": signal.SIGINT,
    "sqlalchemy/cyextension": signal.SIGTERM,
    "store.db": signal.SIGINT,
}
"""What a process has set or mapped, in the order in which it does, and the signal it gets then."""

COMMANDS = (
    ("sagaline", "run"),
    ("sagaline", "rebuild"),
    ("sagaline", "events", "--follow"),
    ("application", "place", "-"),
)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_signal_while_a_command_starts_ends_it_with_status_0(
    sqlite_shop: CommandLine, command: tuple[str, ...], moment: str
) -> None:
    assert sqlite_shop.application("place", "-", input=json_lines([order()])).status == 0
    with sqlite_shop.started(*command) as process:
        wait_until_reached(moment, process)
        process.send_signal(MOMENTS[moment])
        assert process.wait(LIMIT) == 0


def wait_until_reached(moment: str, process: "subprocess.Popen[str]") -> None:
    """Read what the system knows of a process, again and again, because nothing else tells it."""
    of_process, deadline = Path("/proc", str(process.pid)), time.monotonic() + LIMIT
    while not reached(moment, of_process):
        assert process.poll() is None, f"it ended with {process.returncode} before: {moment}"
        assert time.monotonic() < deadline, f"it never came to: {moment}"


def reached(moment: str, process: Path) -> bool:
    if moment != "handlers":
        return moment in (process / "maps").read_text()
    status = (process / "status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)
