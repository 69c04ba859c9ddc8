"""Proofs for values without parts: which values of each type round-trip."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final
from uuid import UUID

from sagaline.codec.checks import Proof
from sagaline.codec.diff import ZONES

_INT_LIMIT: Final = 10**4000
"""Python refuses to read a number of more than 4300 digits."""

_MINUTE: Final = timedelta(minutes=1)
_ZERO: Final = timedelta(0)


def _is_readable(value: int) -> bool:
    return -_INT_LIMIT < value < _INT_LIMIT


def _has_plain_zone(value: datetime | time) -> bool:
    zone = value.tzinfo
    if value.fold:
        return False
    return zone is UTC or zone is None or (type(zone) in ZONES and _is_whole_minutes(value))


def _is_whole_minutes(value: datetime | time) -> bool:
    return not (value.utcoffset() or _ZERO) % _MINUTE


COMMON_CASES: Final[Mapping[str, str]] = {
    "int": "-1_000_000_000_000 < {0} < 1_000_000_000_000",
    "datetime": "{0}.tzinfo is UTC and not {0}.fold",
}
"""Expressions that are true of most values, and only of values that pass the test: no call."""

SCALARS: Final[Mapping[str, tuple[type, Proof | None]]] = {
    "none": (type(None), None),
    "bool": (bool, None),
    "int": (int, _is_readable),
    "float": (float, isfinite),
    "str": (str, None),
    "bytes": (bytes, None),
    "decimal": (Decimal, Decimal.is_finite),
    "uuid": (UUID, None),
    "date": (date, None),
    "time": (time, _has_plain_zone),
    "datetime": (datetime, _has_plain_zone),
    "timedelta": (timedelta, None),
}
"""Type of a core schema -> the type of its values, and a test for the values that need one."""
