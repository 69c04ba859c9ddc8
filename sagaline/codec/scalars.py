"""Values that have no parts, and which of each type come back as they are."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final
from uuid import UUID

from sagaline.codec.checks import Check
from sagaline.codec.diff import ZONES

_FAR: Final = 10**4000
"""Python reads no number of more than 4300 digits."""

_MINUTE: Final = timedelta(minutes=1)
_NO_TIME: Final = timedelta(0)


def _is_near(value: int) -> bool:
    return -_FAR < value < _FAR


def _has_plain_zone(value: datetime | time) -> bool:
    zone = value.tzinfo
    if value.fold:
        return False
    return zone is UTC or zone is None or (type(zone) in ZONES and _in_minutes(value))


def _in_minutes(value: datetime | time) -> bool:
    return not (value.utcoffset() or _NO_TIME) % _MINUTE


USUAL: Final[Mapping[str, str]] = {
    "int": "-1_000_000_000_000 < {0} < 1_000_000_000_000",
    "datetime": "{0}.tzinfo is UTC and not {0}.fold",
}
"""What is true of nearly all values, and only of such as pass their test: it spares a call."""

SCALARS: Final[Mapping[str, tuple[type, Check | None]]] = {
    "none": (type(None), None),
    "bool": (bool, None),
    "int": (int, _is_near),
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
"""By the type of a core schema: the type of its values, and the test of those that need one."""
