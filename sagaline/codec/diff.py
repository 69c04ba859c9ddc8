"""The difference between two values: the one that was written, and the one that was read."""

from collections import deque
from collections.abc import Iterator, Sequence, Set
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import datetime, time, timezone
from decimal import Decimal
from enum import Enum
from itertools import zip_longest
from reprlib import Repr
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import TzInfo

_MISSING: Final = object()

ZONES: Final = (timezone, TzInfo, type(None))
"""Time zones that are a fixed offset, which is all that is written of a zone."""

_short: Final = Repr()
_short.maxstring = _short.maxother = 60


def difference(written: Any, read: Any, where: str = "") -> str | None:
    """Describes the first difference in type or content; None where the values are equal."""
    if type(written) is type(read):
        parts = _parts(written, read)
        if parts is None and _is_equal(written, read):
            return None
        if parts is not None:
            found = (difference(left, right, _path(where, name)) for name, left, right in parts)
            return next((each for each in found if each is not None), None)
    return f"{where or 'it'} is {_shown(written)} and would be read as {_shown(read)}"


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    return f"{_short.repr(value)} ({type(value).__qualname__})"


Parts = Iterator[tuple[str, Any, Any]]


def _parts(written: Any, read: Any) -> Parts | None:
    match written:
        case Enum():
            return None
        case BaseModel():
            inner = ("__pydantic_extra__", "__pydantic_private__")
            return _attributes(written, read, [*type(written).model_fields, *inner])
        case dict():
            return _entries(written, read)
        case list() | tuple() | deque():
            return _items(written, read)
        case set() | frozenset():
            return _members(written, read)
    if is_dataclass(written):
        return _attributes(written, read, [each.name for each in fields_of(written)])
    return None


def _attributes(written: Any, read: Any, names: list[str]) -> Parts:
    for name in names:
        yield name, getattr(written, name, _MISSING), getattr(read, name, _MISSING)


def _entries(written: dict[Any, Any], read: dict[Any, Any]) -> Parts:
    nothing = (_MISSING, _MISSING)
    for left, right in zip_longest(written.items(), read.items(), fillvalue=nothing):
        yield "a key", left[0], right[0]
        yield str(left[0]), left[1], right[1]


def _items(written: Sequence[Any], read: Sequence[Any]) -> Parts:
    for index, (left, right) in enumerate(zip_longest(written, read, fillvalue=_MISSING)):
        yield str(index), left, right
    yield "maxlen", getattr(written, "maxlen", None), getattr(read, "maxlen", None)


def _members(written: Set[Any], read: Set[Any]) -> Parts:
    known = {each: each for each in read}
    for each in written:
        yield "a member", each, known.pop(each, _MISSING)
    for each in known:
        yield "a member", _MISSING, each


def _is_equal(written: Any, read: Any) -> bool:
    match written:
        case Enum():
            return written is read
        case float() | complex() | Decimal():
            return repr(written) == repr(read)
        case datetime() | time():
            return _clock(written) == _clock(read) and type(written.tzinfo) in ZONES
    return bool(written == read)


def _clock(value: datetime | time) -> tuple[Any, ...]:
    return value.replace(tzinfo=None), value.utcoffset(), value.fold
