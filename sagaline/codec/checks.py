"""Proofs that values round-trip: written as JSON and read again, they are equal in every part."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import TypeAdapter

from sagaline.codec.diff import difference

Proof = Callable[[Any], bool]
"""Whether a value is proven to round-trip; where it is not, a trial read-back decides."""

PROOF: Final = "sagaline_proof"
"""The key in the metadata of a function's schema of the proof for the values that it takes."""


def no_proof(_value: object) -> bool:
    """Proves nothing, so that every value is read back as a trial."""
    return False


def proof_by_trial(cls: type) -> Proof:
    """Proves all values of a class once one was read back and was equal.

    For classes with functions of their own, of which a schema says nothing.
    """
    proven = False

    def is_proven(value: Any) -> bool:
        nonlocal proven
        proven = proven or _round_trips(TypeAdapter(cls), value)
        return proven

    return is_proven


def _round_trips(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        read = adapter.validate_json(adapter.dump_json(value, by_alias=True))
    except ValueError:
        return False
    return difference(value, read) is None
