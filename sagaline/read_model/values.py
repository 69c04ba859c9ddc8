"""Values as text for a fingerprint: the same in every process, without addresses and set orders."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from operator import attrgetter, itemgetter, methodcaller
from types import EllipsisType, MethodType, NoneType
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

_SCALARS: Final = frozenset(
    {bool, bytes, complex, float, int, str, EllipsisType, NoneType, range, slice}
    | {Decimal, Fraction, UUID, date, datetime, time, timedelta, timezone, ZoneInfo}
    | {attrgetter, itemgetter, methodcaller}
)
"""Types whose `repr` is the whole value. Subclasses may have more, and another one."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")


def is_scalar(value: object) -> bool:
    """Whether a value has no parts that need to be described."""
    return type(value) in _SCALARS


def scalar_text(value: object) -> str:
    """A scalar as text."""
    # In ASCII, because what is printable differs between versions of Python.
    return f"{type(value).__name__} {value!a}"


def text_without_address(value: object) -> str:
    """The `repr` of a value, without the address of an object."""
    return _ADDRESS.sub("", ascii(value))


def fields_of(value: Any) -> Mapping[str, Any] | None:
    """What a dataclass, named tuple, Pydantic model, pattern, method or partial is made of.

    None for other values. Settings have none: they belong to a machine, not to a version of the
    code.
    """
    if is_dataclass(value):
        return {each.name: getattr(value, each.name, None) for each in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        found: dict[str, Any] = value._asdict()
        return found
    match value:
        case re.Pattern():
            return {"pattern": value.pattern, "flags": value.flags}
        case MethodType():
            return {"function": value.__func__, "object": value.__self__}
        case partial():
            values = {str(place): each for place, each in enumerate(value.args)}
            return {"function": value.func, **values, **value.keywords}
    kind = type(value)
    if hasattr(kind, "model_fields") and not hasattr(kind, "settings_customise_sources"):
        own: dict[str, Any] = vars(value)
        return own
    return None
