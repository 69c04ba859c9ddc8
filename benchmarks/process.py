"""Modules that run in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

HOUSE = Path(__file__).parents[1]

LIMIT = 600.0
"""Seconds after which something must be wrong."""

PATIENCE = 30.0
"""Seconds that a process may take to stop."""

TOLD = 2_000
"""Characters of what a process said that went wrong."""

OTHERS = ("SAGALINE_", "SHOP_", "COVERAGE_PROCESS_")
"""How variables begin that would change what is measured; coverage makes it half as fast."""

Process = subprocess.Popen[str]


class WentWrong(Exception):
    """Something that is measured did not do what it should."""


@contextmanager
def started(module: str, *arguments: str) -> Iterator[Process]:
    """A module that runs, with its ends in our hands; it is told to stop in the end.

    Where something goes wrong, the error says what the module has said.
    """
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=HOUSE,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            yield process
        except BaseException as error:
            said.seek(0)
            error.add_note(f"{module} said: {said.read()[-TOLD:]}")
            raise
        finally:
            _stop(process)


def _stop(process: Process) -> None:
    process.terminate()
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def told(module: str, *arguments: str, input: str = "") -> str:
    """What a module says that runs to its end. Raises WentWrong."""
    with started(module, *arguments) as process:
        said, _ = process.communicate(input, timeout=LIMIT)
        check(process)
        return said


def printed(module: str, *arguments: str) -> Any:
    """The JSON document that a module prints."""
    return json.loads(told(module, *arguments))


def check(process: Process) -> None:
    """Raises WentWrong where a process that has ended did not end well."""
    if process.returncode != 0:
        raise WentWrong(f"{process.args!r} ended with {process.returncode}")


def environment() -> dict[str, str]:
    """This environment without what would decide in place of an option, or slow down."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OTHERS) and "SQLALCHEMY_" not in name
    }
    return {**own, "PYTHONPATH": str(HOUSE)}
