"""What the system says of processes: their processor time and their memory (Linux)."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path


def processor_seconds(process: int) -> float:
    """Of all threads of a process, by the clock that the system keeps for each process."""
    # As clock_getcpuclockid(3) makes it: Python has that for threads only.
    return time.clock_gettime(~process << 3 | 2)


def family_seconds(process: int) -> float:
    """Of a process, of its children, and of those that they have seen end."""
    return sum(map(_spent, family(process)))


def family(process: int) -> list[int]:
    """A process, and those that it has started."""
    return [process, *map(int, _read(f"/proc/{process}/task/{process}/children").split())]


def high_water(process: int) -> float:
    """Megabytes: the system's own mark of resident memory; 0 once the process has ended."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", _read(f"/proc/{process}/status"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _spent(process: int) -> float:
    fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _read(path: str) -> str:
    """A file about a process; nothing where that has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(path).read_text()
    return ""
