"""Ids that are derived from other ids."""

from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

_SAME: Final = ((1 << 48) - 1) << 80
_VERSION: Final = 0xF << 76


@lru_cache(16_384)  # each step of an order needs the same few ids
def id_beside(id_: UUID, what: str) -> UUID:
    """Derives an id from `id_` and a name; the same arguments give the same id.

    The first 48 bits are those of `id_`. In version 7 they are the time, so rows of one order are
    near each other in every index. The other bits are a hash (version 8 of RFC 9562).
    """
    rest = uuid5(id_, what).int & ~_SAME & ~_VERSION
    return UUID(int=id_.int & _SAME | 8 << 76 | rest)
