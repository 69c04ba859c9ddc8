"""Whether a value is sure to come back as it is."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import TypeAdapter

from sagaline.codec.diff import difference

Check = Callable[[Any], bool]
"""Whether a value is sure to come back as it is; no means that it has to be tried."""

PROVEN_TYPES: Final = "sagaline_vouched"
"""In the metadata of a function's schema: the test that whoever wrote the function vouches for."""


def unproven(_value: object) -> bool:
    """Nothing is sure: every value has to be tried."""
    return False


def tried_once(cls: type) -> Check:
    """A trial of the first value of a class, because its own functions can do anything."""
    tried = False

    def is_tried(value: Any) -> bool:
        nonlocal tried
        tried = tried or _comes_back(TypeAdapter(cls), value)
        return tried

    return is_tried


def _comes_back(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        back = adapter.validate_json(adapter.dump_json(value, by_alias=True))
    except ValueError:
        return False
    return difference(value, back) is None
