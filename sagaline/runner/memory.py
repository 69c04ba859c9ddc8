"""The memory of a runner: one budget, in shares for all that it keeps between batches."""

from typing import NamedTuple

MEMORY = 512 * 1024 * 1024
"""Bytes for all caches of a runner, by an estimate that is high. The shop, whose events are small,
comes to their numbers first; with half of these, it reads the same events again and again."""

OF_EVENTS, OF_AGGREGATES, OF_ROWS = 0.45, 0.40, 0.15
"""What each kind has of it."""

DECODED = 6
"""How many times its encoded size an event takes in memory, about: measured with the shop, whose
events have 300 bytes and four fields. An aggregate takes about as much as its events, encoded."""

ROW_SIZE = 1_000
"""Bytes that a row of a read table takes in memory, about."""

BATCH_BYTES = 4 * 1024 * 1024
"""Encoded bytes that one batch may have, where a share of the memory is smaller."""


class Shares(NamedTuple):
    """What one log may keep, all applications together, and one read table."""

    window_bytes: int
    cache_bytes: int
    rows: int

    @classmethod
    def of(cls, memory: int, logs: int, tables: int) -> "Shares":
        """The shares of a system with so many logs, and read tables whose rows are kept."""
        events = memory * OF_EVENTS / max(1, logs) / DECODED
        rows = memory * OF_ROWS / max(1, tables) / ROW_SIZE
        return cls(int(events), int(memory * OF_AGGREGATES), int(rows))
