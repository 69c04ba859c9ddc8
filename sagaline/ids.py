"""UUIDs, made fast: an order takes some thirty of them.

The standard library's constructor spends most of its time on arguments that it is not given. What
is made here is equal to what it makes, bit by bit.
"""

from hashlib import sha1
from os import register_at_fork, urandom
from typing import Final
from uuid import UUID, SafeUUID

_VERSION: Final = ~(0xF000 << 64)
_VARIANT: Final = ~(0xC000 << 48)
_RANDOM: Final = 4 << 76 | 0x8000 << 48
_NAMED: Final = 5 << 76 | 0x8000 << 48

MANY: Final = 256
"""Random ids for which the system is asked at once."""

_chance: list[bytes] = []
# What is left must not be used by a child too.
register_at_fork(after_in_child=_chance.clear)

_set = object.__setattr__
_new = UUID.__new__
_unknown = SafeUUID.unknown


def id_of_bytes(value: bytes) -> UUID:
    """The UUID of 16 bytes."""
    return _made(int.from_bytes(value, "big"))


def random_id() -> UUID:
    """A new UUID by chance (version 4)."""
    try:
        value = _chance.pop()
    except IndexError:
        # Asking the system takes longer than all the rest, so it is asked for many at once.
        fresh = urandom(16 * MANY)
        _chance.extend(fresh[start : start + 16] for start in range(16, 16 * MANY, 16))
        value = fresh[:16]
    return _made(int.from_bytes(value, "big") & _VERSION & _VARIANT | _RANDOM)


def named_id(namespace: UUID, name: str) -> UUID:
    """The UUID of a name within a namespace (version 5): the same whenever it is asked for."""
    digest = sha1(namespace.int.to_bytes(16, "big") + name.encode(), usedforsecurity=False).digest()
    return _made(int.from_bytes(digest[:16], "big") & _VERSION & _VARIANT | _NAMED)


def _made(value: int) -> UUID:
    made = _new(UUID)
    _set(made, "int", value)
    _set(made, "is_safe", _unknown)
    return made
