"""The cache of aggregates: what was changed longest ago is evicted first."""

from dataclasses import dataclass
from uuid import UUID

from sagaline.application.aggregate_cache import AggregateCache, CacheLimits, Pool


@dataclass
class Crate:
    content: str


def id_of(number: int) -> UUID:
    return UUID(int=number)


def filled(limits: CacheLimits, count: int, size: int, content: int) -> AggregateCache:
    """A cache of crates whose events are of `size` bytes, and whose content is smaller."""
    cache = AggregateCache(limits)
    for number in range(count):
        cache[id_of(number)] = Crate("x" * content)
        cache.grow(id_of(number), size)
    return cache


def test_no_more_aggregates_are_kept_than_the_limit() -> None:
    cache = filled(CacheLimits(3, 1_000_000), 5, 10, 5)
    cache.trim([id_of(0)])
    assert list(cache) == [id_of(3), id_of(4), id_of(0)]
    assert cache.bytes == 30


def test_no_more_bytes_are_kept_than_the_limit() -> None:
    cache = filled(CacheLimits(100, 35_000), 5, 10_000, 10_000)
    cache.trim([id_of(0)])
    assert list(cache) == [id_of(3), id_of(4), id_of(0)]
    assert cache.bytes == 30_000


def test_an_aggregate_of_many_events_and_little_state_is_kept() -> None:
    cache = filled(CacheLimits(100, 70_000), 5, 20_000, 10)
    cache.trim([])
    assert len(cache) == 5
    assert cache.bytes < 1_000


def test_an_aggregate_is_measured_again_when_its_size_has_doubled() -> None:
    cache = filled(CacheLimits(100, 25_000), 2, 10_000, 9_900)
    cache.grow(id_of(1), 10_000)
    cache.trim([])
    assert len(cache) == 2
    assert 19_800 < cache.bytes < 21_000
    cache.grow(id_of(1), 9_000)
    cache.trim([])
    assert list(cache) == [id_of(1)], "it was measured a moment ago"


def test_what_cannot_be_pickled_counts_with_its_events() -> None:
    cache = AggregateCache(CacheLimits(100, 15_000))
    for number in range(2):
        cache[id_of(number)] = lambda: None
        cache.grow(id_of(number), 10_000)
    cache.trim([])
    assert list(cache) == [id_of(1)]


def test_an_evicted_aggregate_has_no_bytes() -> None:
    cache = filled(CacheLimits(100, 100_000), 2, 10, 5)
    cache.evict(id_of(0))
    cache.evict(id_of(7))
    assert cache.bytes == 10
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_caches_of_one_pool_share_the_bytes() -> None:
    limits = CacheLimits(100, 100_000, Pool())
    busy, idle = filled(limits, 8, 10_000, 10_000), AggregateCache(limits)
    assert busy.bytes > 79_000, "what the other does not need is its own"
    for number in range(8):
        idle[id_of(number)] = Crate("x" * 10_000)
        idle.grow(id_of(number), 10_000)
    busy.trim(())
    assert busy.bytes + idle.bytes <= 100_000
    assert min(busy.bytes, idle.bytes) > 0
