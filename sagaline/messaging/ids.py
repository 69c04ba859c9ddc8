"""UUIDs, made fast, and so that those of one time lie side by side: an order takes some thirty.

An index is a tree in the order of its keys. Where ids come by chance, each new row of a long table
changes a page of its own, in every index; where they come in the order of time, all new rows share
the last page. So new ids begin with the time (version 7 of RFC 9562), and an id that follows from
another one begins as that one does.
"""

import os
from hashlib import sha1
from os import urandom
from time import time_ns
from typing import Final
from uuid import UUID, SafeUUID

_TIME_BITS: Final = 48
_REST: Final = (1 << 128 - _TIME_BITS) - 1 & ~(0xF000 << 64) & ~(0xC000 << 48)
"""All bits but those of the time, and but those that say of which version and variant it is."""

_TIMED: Final = 7 << 76 | 0x8000 << 48
_NAMED: Final = 8 << 76 | 0x8000 << 48

MANY: Final = 256
"""Random ids for which the system is asked at once."""

_chance: list[bytes] = []
if hasattr(os, "register_at_fork"):  # Windows has no fork
    # What is left must not be used by a child too.
    os.register_at_fork(after_in_child=_chance.clear)

_set = object.__setattr__
_new = UUID.__new__
_unknown = SafeUUID.unknown


def id_of_bytes(value: bytes) -> UUID:
    """The UUID of 16 bytes."""
    return _made(int.from_bytes(value, "big"))


def new_id() -> UUID:
    """A new UUID: the time in milliseconds, then 74 bits by chance (version 7)."""
    try:
        value = _chance.pop()
    except IndexError:
        # Asking the system takes longer than all the rest, so it is asked for many at once.
        fresh = urandom(16 * MANY)
        _chance.extend(fresh[start : start + 16] for start in range(16, 16 * MANY, 16))
        value = fresh[:16]
    return timed_id(time_ns() // 1_000_000, int.from_bytes(value, "big"))


def timed_id(milliseconds: int, chance: int) -> UUID:
    """The UUID of a moment after 1970 and the lowest bits of a number (version 7)."""
    return _made(milliseconds << 128 - _TIME_BITS | chance & _REST | _TIMED)


def named_id(namespace: UUID, name: str) -> UUID:
    """The UUID of a name within a namespace: the same whenever it is asked for.

    It has the first 48 bits of the namespace, then 74 bits of a hash of both (version 8).
    """
    digest = sha1(namespace.int.to_bytes(16, "big") + name.encode(), usedforsecurity=False).digest()
    time = namespace.int >> 128 - _TIME_BITS << 128 - _TIME_BITS
    return _made(time | int.from_bytes(digest[:16], "big") & _REST | _NAMED)


def _made(value: int) -> UUID:
    made = _new(UUID)
    _set(made, "int", value)
    _set(made, "is_safe", _unknown)
    return made
