"""Ids that follow from another one's."""

from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

_SAME: Final = ((1 << 48) - 1) << 80
_VERSION: Final = 0xF << 76


@lru_cache(16_384)  # the same few ids of an order are asked for at each of its steps
def id_beside(id_: UUID, what: str) -> UUID:
    """The id of what there is one of for each `id_`: the same whenever it is asked for.

    It begins as `id_` does, with the same 48 bits: where those are the time, as in version 7, rows
    that belong together lie together in every index. The rest is a hash (version 8 of RFC 9562).
    """
    rest = uuid5(id_, what).int & ~_SAME & ~_VERSION
    return UUID(int=id_.int & _SAME | 8 << 76 | rest)
