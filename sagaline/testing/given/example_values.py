"""Example values for event fields that a test leaves out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from sagaline.messaging.declaring import is_command_class
from sagaline.testing.given.happened import ENVELOPE, LONG_AGO, SOMEONE, Happened, owner_of

EXAMPLE_CODES = ("USD", "US")
"""Tried where a class refuses the field's own name as text: a currency and a country code."""

_EXAMPLES: Mapping[Any, Any] = {
    int: 1,
    float: 1.0,
    Decimal: Decimal(1),
    bool: True,
    bytes: b"",
    datetime: LONG_AGO,
    date: LONG_AGO.date(),
    time: LONG_AGO.timetz(),
    timedelta: timedelta(minutes=1),
    NoneType: None,
    Any: None,
}


def field_values(event_class: type[Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a value for each field of an event: the known one if it fits, else an example.

    Raises TypeError for a field without an example.
    """
    values: dict[str, Any] = {}
    for name, has_default in _fields(event_class).items():  # type: ignore[arg-type]  # has a hash
        if name in known and _fits(event_class, name, known[name]):
            values[name] = known[name]
        elif not has_default:
            values[name] = _example(event_class, name)  # type: ignore[arg-type]  # has a hash
    return values


@cache
def _fields(event_class: type[Any]) -> dict[str, bool]:
    """The event's own fields, and whether each has a default."""
    return {
        each.name: each.default is not MISSING or each.default_factory is not MISSING
        for each in fields(event_class)
        if each.name not in ENVELOPE
    }


def example_event(event: Any, version: int = 1) -> Any:
    """Returns an event, built from `happened(...)` with examples for the fields left out.

    Returns a command, of examples, where a command class stands in place of an event class.
    """
    if not isinstance(event, Happened):
        return event
    kind = event.event_class
    if is_command_class(kind):
        return next(_instances(kind))
    values = field_values(kind, event.fields) | event.fields
    return Happened(kind, values).to_event(owner_of(kind), SOMEONE, version)


def _fits(event_class: type[Any], name: str, value: Any) -> bool:
    """Whether a known value has the type of the field."""
    adapter = _adapter(event_class, name)  # type: ignore[arg-type]  # has a hash
    try:
        return adapter is None or adapter.validate_python(value, strict=True) is not None
    except ValidationError:
        return False


@cache
def _adapter(event_class: type[Any], name: str) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(get_type_hints(event_class, include_extras=True)[name])
    except (NameError, PydanticUserError):
        return None  # a type that pydantic cannot check


@cache
def _example(event_class: type[Any], name: str) -> Any:
    for value in candidates(get_type_hints(event_class, include_extras=True)[name], name):
        return value
    raise TypeError(f"no example value for {event_class.__qualname__}.{name}: pass one")


def candidates(hint: Any, name: str) -> Iterator[Any]:
    """Yields values of a type, the most specific first; none for an unknown type."""
    if hint in _EXAMPLES:
        yield _EXAMPLES[hint]
    elif hint is str:
        yield from (name, *EXAMPLE_CODES)
    elif hint is UUID:
        yield uuid5(NAMESPACE_URL, name)
    elif get_origin(hint) is not None:
        yield from _composed(hint, get_origin(hint), name)
    elif isinstance(hint, type):
        yield from _instances(hint)


def _composed(hint: Any, origin: Any, name: str) -> Iterator[Any]:
    if origin is Annotated:
        yield from _valid(hint, candidates(get_args(hint)[0], name))
    elif origin in (Union, UnionType):
        for each in get_args(hint):
            yield from candidates(each, name)
    elif origin is Literal:
        yield from get_args(hint)
    else:
        yield from _collections(hint, name)


def _collections(hint: Any, name: str) -> Iterator[Any]:
    """Collections of one item: an empty one is often refused."""
    args = [each for each in get_args(hint) if each is not Ellipsis]
    for values in zip(*(candidates(each, name) for each in args), strict=False):
        yield from _valid(hint, [list(values), dict([values]) if len(values) == 2 else {}])


def _valid(hint: Any, values: Iterable[Any]) -> Iterator[Any]:
    adapter = TypeAdapter[Any](hint)
    for value in values:
        try:
            yield adapter.validate_python(value)
        except ValidationError:
            continue


def _instances(cls: type[Any]) -> Iterator[Any]:
    if issubclass(cls, Enum):
        yield from cls
    elif issubclass(cls, BaseModel):
        hints = {name: _hint(each) for name, each in cls.model_fields.items() if each.is_required()}
        yield from _constructed(cls, hints)
    elif is_dataclass(cls):
        known = get_type_hints(cls, include_extras=True)
        hints = {each.name: known[each.name] for each in fields(cls) if each.init}
        yield from _constructed(cls, hints)


def _hint(field: FieldInfo) -> Any:
    hint: Any = field.annotation
    for each in field.metadata:
        hint = Annotated[hint, each]
    return hint


def _constructed(cls: type[Any], hints: Mapping[str, Any]) -> Iterator[Any]:
    """Instances of the first, second and third candidates: a class may refuse some values."""
    for choice in range(1 + len(EXAMPLE_CODES)):
        chosen = {name: _choice(hint, name, choice) for name, hint in hints.items()}
        try:
            yield cls(**chosen)
        except Exception:  # a class may raise any error for a bad value
            continue


def _choice(hint: Any, name: str, choice: int) -> Any:
    found = list(islice(candidates(hint, name), choice + 1))
    return found[-1] if found else None
