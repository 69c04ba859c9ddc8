"""The memory of a runner: one budget, in shares for all that it keeps between batches."""

from typing import NamedTuple

MEMORY = 160 * 1024 * 1024
"""Bytes for all caches of a runner. The program itself, with its batches, needs about 100 MB."""

DECODED = 6
"""How many times its encoded size an event, or an aggregate, takes in memory, about: measured with
the shop, whose events have 300 bytes and four fields."""

ROW_SIZE = 1_000
"""Bytes that a row of a read table takes in memory, about."""

BATCH_BYTES = 4 * 1024 * 1024
"""Encoded bytes that one batch may have, where a share of the memory is smaller."""


class Shares(NamedTuple):
    """What one log, one application and one read table may keep."""

    window_bytes: int
    cache_bytes: int
    rows: int

    @classmethod
    def of(cls, memory: int, logs: int, tables: int) -> "Shares":
        """A third of the memory for the newest events, one for aggregates, one for rows."""
        third = memory // 3
        events = third // max(1, logs) // DECODED
        return cls(events, events, third // max(1, tables) // ROW_SIZE)
