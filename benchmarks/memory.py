"""The most memory that a command takes while it goes over a long log on SQLite.

The runner folds all read tables from their beginning; the rebuild builds `order_timeline`, which
has a row for each event of an order, over all logs. What the processes of one command share is
counted for each of them.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired

from benchmarks.figure import Asked, Figure
from benchmarks.growth import unfold
from benchmarks.laboratory import Laboratory
from benchmarks.pairs import interleaved
from benchmarks.process import LIMIT, check
from benchmarks.shop import Shop

UNIT = "MB"
ASKED = Asked("value <= 300")

LOOK = 0.02
"""Seconds between two looks: a mark that only rises needs no more."""


def memory(laboratory: Laboratory) -> Iterator[Figure]:
    """Of the runner, and of a rebuild."""
    sizes = laboratory.sizes
    log = laboratory.long_log(sizes.many_events)

    def runner() -> float:
        unfold(log)
        return peak(log, "run", "--until-settled")

    def rebuild() -> float:
        return peak(log, "rebuild", "order_timeline")

    taken = interleaved(sizes.rounds, UNIT, {"the runner": runner, "a rebuild": rebuild})
    yield Figure("memory/runner", UNIT, taken["the runner"], ASKED)
    yield Figure("memory/rebuild", UNIT, taken["a rebuild"], ASKED)


def peak(store: str, *arguments: str) -> float:
    """Megabytes that a command of the framework holds at its highest."""
    highest = 0.0
    with Shop(store).sagaline_started(*arguments) as process:
        for _ in range(int(LIMIT / LOOK)):
            highest = max(highest, sum(map(_high_water, _family(process.pid))))
            try:
                process.wait(LOOK)
                break
            except TimeoutExpired:
                continue
        check(process)
    return highest


def _family(process: int) -> list[int]:
    """A process, and those that it has started."""
    return [process, *map(int, _read(f"/proc/{process}/task/{process}/children").split())]


def _high_water(process: int) -> float:
    """The system's own mark of resident memory; 0 once the process has ended."""
    status = _read(f"/proc/{process}/status")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _read(path: str) -> str:
    """A file of the system's about a process; nothing where that has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(path).read_text()
    return ""
