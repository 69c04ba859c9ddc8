"""Where tests write: in memory where there is room. They end processes, and never cut the power.

On a disk, a new database of PostgreSQL takes ten times the processor time, and each commit waits.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")

ROOM = 2 * 2**30
"""Bytes that must be free: all tests together leave less than a quarter of that."""


def write_to_memory() -> None:
    """Let temporary folders be made in memory, by the processes that tests start too."""
    chosen = "TMPDIR" in os.environ
    if not chosen and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None
