"""Reads from a schema whether an object of a class can change after it was made."""

from collections.abc import Iterable, Iterator
from dataclasses import fields as fields_of
from functools import cached_property
from typing import Any, Final

from eventsourcing.domain import DomainEvent

from sagaline.codec.scalars import SCALARS
from sagaline.codec.schema import COLUMNS, Schema

IMMUTABLE: Final = "sagaline_immutable"
"""The key in the metadata of a function's schema that says that its values cannot change."""

_VALUES: Final = frozenset({*SCALARS, "enum", "literal"})
_AROUND: Final = ("nullable", "default", "custom-error", "definitions", "function-before")
"""Types of schemas that take the values of their inner schema."""

_VALIDATORS: Final = ("function-after", "function-before", "function-wrap")


def is_immutable(schema: Schema) -> bool:
    """Whether a schema's values are immutable throughout; any that it does not know is mutable."""
    return _Reader().holds(schema)


class _Reader:
    """Reads one schema. A class that contains itself is immutable if its other fields are."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}
        self._read: set[str] = set()

    def holds(self, schema: Schema) -> bool:
        kind = schema["type"]
        if kind in _VALUES:
            return True
        if kind in ("model", "dataclass"):
            return self._holds_class(schema)
        if kind == "definition-ref":
            return self._holds_reference(schema["schema_ref"])
        if kind == "function-plain":
            return IMMUTABLE in schema.get("metadata", {})
        for each in schema.get("definitions", ()):
            self._schemas[each["ref"]] = each
        inner = list(_inner(schema))
        return bool(inner) and all(map(self.holds, inner))

    def _holds_reference(self, ref: str) -> bool:
        if ref in self._read:
            return True
        self._read.add(ref)
        return self.holds(self._schemas[ref])

    def _holds_class(self, schema: Schema) -> bool:
        if "ref" in schema:
            self._read.add(schema["ref"])
        inner = schema["schema"]
        while inner["type"] in _VALIDATORS:
            inner = inner["schema"]
        names, schemas = _fields(inner)
        return _keeps_only(schema["cls"], names) and all(map(self.holds, schemas))


def _inner(schema: Schema) -> Iterator[Schema]:
    """The schemas of which the values of a schema consist; none where that is not known."""
    match schema["type"]:
        case kind if kind in _AROUND or (kind in _VALIDATORS and _is_class(schema["schema"])):
            yield schema["schema"]
        case "tuple":
            yield from schema["items_schema"] or [{"type": "none"}]
        case "frozenset":
            yield schema.get("items_schema", {"type": "any"})
        case "union":
            yield from (each if isinstance(each, dict) else each[0] for each in schema["choices"])
        case "chain":
            yield schema["steps"][-1]
        case "json-or-python":
            yield from (schema["json_schema"], schema["python_schema"])


def _is_class(schema: Schema) -> bool:
    """Whether it is the schema of a class, of which validators return the same object."""
    while schema["type"] in _VALIDATORS:
        schema = schema["schema"]
    return schema["type"] in ("model", "dataclass")


def _fields(schema: Schema) -> tuple[set[str], list[Schema]]:
    match schema["type"]:
        case "model-fields":
            found = schema["fields"]
            return set(found), [each["schema"] for each in found.values()]
        case "dataclass-args":
            listed = schema["fields"]
            return {each["name"] for each in listed}, [each["schema"] for each in listed]
    return {"root"}, [schema]


def _keeps_only(cls: Any, names: Iterable[str]) -> bool:
    """Whether objects of a class are frozen, and have no attributes but these."""
    if any(
        isinstance(each, cached_property) for base in cls.__mro__ for each in vars(base).values()
    ):
        return False
    if hasattr(cls, "model_config"):
        config = cls.model_config
        keeps_more = cls.__private_attributes__ or config.get("extra") == "allow"
        return bool(config.get("frozen")) and not keeps_more
    if issubclass(cls, DomainEvent) and cls.__post_init__ is not DomainEvent.__post_init__:
        return False  # it is not called for an event that is read, which lacks what it sets
    extra = getattr(cls, "__pydantic_config__", {}).get("extra")
    declared = {each.name for each in fields_of(cls)}
    is_frozen: bool = cls.__dataclass_params__.frozen
    return (
        is_frozen and extra != "allow" and declared.difference(COLUMNS) == set(names) - set(COLUMNS)
    )
