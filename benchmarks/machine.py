"""What the figures were taken on."""

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

LIBRARIES = ("eventsourcing", "eventsourcing-sqlalchemy", "SQLAlchemy", "pydantic", "psycopg")

SYNCS = 50


def machine() -> dict[str, Any]:
    """The processor, its load now, the disk, and the versions of what was run."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2),
        "sync_ms": _sync_ms(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _sync_ms() -> float:
    """What it costs to have some bytes on disk, in milliseconds."""
    with NamedTemporaryFile() as file:
        started = time.perf_counter()
        for _ in range(SYNCS):
            os.write(file.fileno(), b"x" * 4096)
            os.fsync(file.fileno())
        return round(1000 * (time.perf_counter() - started) / SYNCS, 2)
