"""Aggregates that stay in memory between batches, up to a number and a size."""

import pickle
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

CACHED_AGGREGATES = 6_000
"""Most aggregates kept between batches; about 2 KB each."""

CACHE_BYTES = 128 * 1024 * 1024
"""Most bytes of aggregates kept between batches, by their encoded events."""

MEASURED_SIZE = 16_384
"""Bytes of encoded events above which the state of an aggregate is measured: to measure many small
ones would take longer than to read them again."""

LEAST_PART = 8
"""A cache has one part in so many of the bytes, whatever the others of its pool keep."""


class Pool:
    """What several caches keep together, in bytes."""

    def __init__(self) -> None:
        self.bytes = 0


class CacheLimits(NamedTuple):
    """How many aggregates, and how many bytes of them, stay in memory between batches.

    The caches of one `pool` share the bytes.
    """

    max_aggregates: int = CACHED_AGGREGATES
    max_bytes: int = CACHE_BYTES
    pool: Pool | None = None


DEFAULT_LIMITS = CacheLimits()


class AggregateCache(dict[UUID, Any]):
    """Aggregates by id; above a limit, those that were changed longest ago are evicted.

    The size of an aggregate is that of its encoded events. Its state may be far smaller: above the
    limit, a large one with more than its share is therefore measured, pickled, and measured again
    only when its size has doubled since. An id without an aggregate has None, of size 0.
    """

    def __init__(self, limits: CacheLimits) -> None:
        super().__init__()
        self._max_aggregates, self._max_bytes = limits.max_aggregates, limits.max_bytes
        self._pool = limits.pool or Pool()
        self._sizes: dict[UUID, int] = {}
        self._measured: dict[UUID, int] = {}
        self.bytes = 0

    def grow(self, aggregate_id: UUID, size: int) -> None:
        """Adds the size of encoded events, in bytes, to that of an aggregate that is here."""
        self._sizes[aggregate_id] = self._sizes.get(aggregate_id, 0) + size
        self._resize(size)

    def evict(self, aggregate_id: UUID) -> None:
        """Removes an aggregate, if it is there."""
        self.pop(aggregate_id, None)
        self._resize(-self._sizes.pop(aggregate_id, 0))
        self._measured.pop(aggregate_id, None)

    def clear(self) -> None:
        """Removes all aggregates."""
        super().clear()
        self._sizes.clear()
        self._measured.clear()
        self._resize(-self.bytes)

    def trim(self, changed: Iterable[UUID]) -> None:
        """Moves changed aggregates to the end, and evicts from the start what is too much."""
        count, size = self._max_aggregates, self._room
        if len(self) <= count // 2 and self.bytes <= size // 2:
            return
        for each in changed:
            self[each] = self.pop(each)
        if self.bytes > size:
            self._measure(max(size // count, MEASURED_SIZE))
        excess = len(self) - count
        if excess > 0 or self.bytes > size:
            for each in list(self):
                if excess <= 0 and self.bytes <= size:
                    break
                self.evict(each)
                excess -= 1

    def _measure(self, share: int) -> None:
        """Measures the aggregates above a share, in bytes, that were not measured recently."""
        for each, size in list(self._sizes.items()):
            if size > share and size >= 2 * self._measured.get(each, 0):
                actual = min(size, _pickled_size(self[each], size))
                self._sizes[each] = self._measured[each] = actual
                self._resize(actual - size)

    def _resize(self, size: int) -> None:
        self.bytes += size
        self._pool.bytes += size

    @property
    def _room(self) -> int:
        """The bytes that this cache may have: what the others of its pool leave."""
        others = self._pool.bytes - self.bytes
        return max(self._max_bytes - others, self._max_bytes // LEAST_PART)


def _pickled_size(aggregate: Any, default: int) -> int:
    """The size of a pickled aggregate in bytes; the default for one that cannot be pickled."""
    try:
        return len(pickle.dumps(aggregate, pickle.HIGHEST_PROTOCOL))
    except Exception:
        return default
