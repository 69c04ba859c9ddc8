"""Events as plain typed JSON: what was written is what is read, or it is not written.

An event is written and read by pydantic, by the annotations of its class, so the state in the
store is JSON that any tool can read. Pydantic's serializer is lenient: it writes a list where a
tuple is annotated, or a subclass without its own fields, and the event that is read is another
one. Here a value is written only when it is sure to come back the same. For most classes that is
proven once from their schema, and an event costs a few type checks; the others are read back, and
compared, each time.
"""

import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import partial
from inspect import getattr_static
from itertools import zip_longest
from keyword import iskeyword
from math import isfinite
from reprlib import Repr
from types import ModuleType
from typing import Annotated, Any, Final, cast
from uuid import UUID

from eventsourcing.compressor import ZlibCompressor
from eventsourcing.domain import (
    BaseAggregate,
    CanInitAggregate,
    CanSnapshotAggregate,
    DomainEvent,
    DomainEventProtocol,
    HasOriginatorIDVersion,
)
from eventsourcing.persistence import Mapper, StoredEvent
from eventsourcing.utils import _topic_cache, get_topic, register_topic
from pydantic import BaseModel, GetPydanticSchema, TypeAdapter, ValidationError
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.errors import PydanticUserError
from pydantic_core import (
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    TzInfo,
    core_schema,
    from_json,
    to_json,
)
from typing_extensions import override

from sagaline.commands import Command
from sagaline.errors import NotStorable, UnknownTopic, Unreadable

MAX_STATE: Final = 1024 * 1024
"""Bytes of JSON in one event: a thousand times a usual one, and too few to fill the memory with.

Larger ones are not written, and not read either: a few compressed bytes may hide any amount.
"""

Schema = dict[str, Any]
"""A core schema of pydantic."""


# Topics

_KINDS: Final = (DomainEvent, HasOriginatorIDVersion, BaseAggregate, Command)
_loaded: dict[str, type] = {}
_aggregates: set[str] = set()


def loaded_class(topic: str) -> type:
    """The event, aggregate, snapshot or command class of this topic, if it is loaded.

    Nothing is imported, because a topic comes from a row, and a row must not choose what runs
    here. Classes that were renamed are found by `eventsourcing.utils.register_topic`.

    Raises `UnknownTopic`.
    """
    loaded = _loaded.get(topic)
    if loaded is None or _topic_cache.get(topic, loaded) is not loaded:
        loaded = _loaded[topic] = _find(topic)
    return loaded


def _find(topic: str) -> type:
    module, _, path = topic.partition(":")
    names = path.split(".") if path else []
    for length in range(len(names), -1, -1):
        start = f"{module}:{'.'.join(names[:length])}" if length else module
        if start in _topic_cache:
            found = _inside(_topic_cache[start], names[length:])
            break
    else:
        found = _inside(_module(module), names)
    if isinstance(found, type) and issubclass(found, _KINDS):
        return found
    raise UnknownTopic(topic=topic)


def _module(name: str) -> ModuleType | None:
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        renamed = _topic_cache.get(".".join(parts[:length]))
        if isinstance(renamed, ModuleType):
            return sys.modules.get(".".join([renamed.__name__, *parts[length:]]))
    return sys.modules.get(name)


def _inside(found: object, names: list[str]) -> object:
    for name in names:
        if not isinstance(found, type | ModuleType):
            return None
        # Statically, because a module may import things when it is asked for an attribute.
        found = getattr_static(found, name, None)
    return found


def _check_aggregate(topic: str) -> None:
    """Makes sure that upstream, which imports what it does not know, knows this aggregate."""
    if topic not in _aggregates:
        found = loaded_class(topic)
        if not issubclass(found, BaseAggregate):
            raise UnknownTopic(topic=topic)
        register_topic(topic, found)
        _aggregates.add(topic)


# Events and JSON

_COLUMNS: Final = ("originator_id", "originator_version")
_VERSIONED: Final = b'{"class_version":'


class Codec:
    """Writes and reads the events of one class."""

    def __init__(self, event_class: type) -> None:
        if not issubclass(event_class, DomainEvent | HasOriginatorIDVersion):
            raise NotStorable(event=event_class.__qualname__, reason="it is no event")
        schema = _schema(event_class)
        self.event_class = event_class
        self.topic = get_topic(event_class)
        self.version: int = getattr(event_class, "class_version", 1)
        self._has_uuid = getattr(event_class, "originator_id_type", UUID) is not str
        self._names_aggregate = _names_aggregate(event_class)
        self._serializer = SchemaSerializer(cast("core_schema.CoreSchema", schema))
        self._validator = SchemaValidator(cast("core_schema.CoreSchema", schema))
        self._to_json = partial(self._serializer.to_json, by_alias=True)
        self._to_tree = partial(self._serializer.to_python, by_alias=True, mode="json")
        self._proof = _proof(schema)
        self._is_sure: Sure = _never  # until a first event has come back

    def id_of(self, originator_id: UUID | str) -> UUID | str:
        """The id as this class has it: some databases keep it as text."""
        if self._has_uuid and type(originator_id) is str:
            return UUID(originator_id)
        return originator_id

    def encode(self, event: Any) -> bytes:
        """The event's JSON, without what stands in columns. Raises `NotStorable`."""
        state: bytes = self._surely(self._to_json, event) or self._tried(event)
        if self.version > 1:
            state = _with_version(state, self.version)
        if len(state) > MAX_STATE:
            reason = f"it has {len(state)} bytes, and an event has at most {MAX_STATE}"
            raise self._refusal(reason)
        return state

    def tree(self, event: Any) -> dict[str, Any]:
        """The same as plain values, to be part of another event's JSON."""
        state = self._surely(self._to_tree, event) or from_json(self._tried(event))
        return state if self.version == 1 else {"class_version": self.version, **state}

    def decode(self, state: bytes, originator_id: UUID | str, originator_version: int) -> Any:
        """The event that `encode` has written. Raises `ValueError`, and `UnknownTopic`."""
        if self.version > 1 or state.startswith(_VERSIONED):
            state = self._upcast(state, originator_id, originator_version)
        event = self._validator.validate_json(state)
        attributes = event.__dict__
        attributes["originator_id"] = originator_id
        attributes["originator_version"] = originator_version
        if self._names_aggregate is not None:
            _check_aggregate(attributes[self._names_aggregate])
        return event

    def _surely(self, write: Callable[[Any], Any], event: Any) -> Any:
        """Writes the event if it is sure to come back, else returns None."""
        try:
            if self._is_sure(event):
                return write(event)
        except (PydanticSerializationError, NotStorable, AttributeError):
            pass  # What no type tells, such as half a character; the trial says where.
        return None

    def _tried(self, event: Any) -> bytes:
        """Writes the event, reads it back and compares."""
        try:
            state = self._serializer.to_json(event, by_alias=True, warnings=False)
            back = self._validator.validate_json(state)
        except ValidationError as error:
            raise self._refusal(f"it could not be read again, {_reason(error)}") from error
        except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
            raise self._refusal(f"{self._culprit(event)}: {error}") from error
        for name in _COLUMNS:
            back.__dict__[name] = getattr(event, name)
        difference = _difference(event, back)
        if difference is not None:
            raise self._refusal(difference)
        self._is_sure = self._proof
        return state

    def _culprit(self, event: Any) -> str:
        names: list[str] = list(vars(event))
        for name in names:
            try:
                self._serializer.to_json(event, include={name}, warnings=False)
            except Exception:
                return name
        return "one of its fields"

    def _refusal(self, reason: str) -> NotStorable:
        if issubclass(self.event_class, CanSnapshotAggregate):
            reason += " (a snapshot keeps its types if its class annotates `state` with them)"
        return NotStorable(event=self.event_class.__qualname__, reason=reason)

    def _upcast(self, state: bytes, originator_id: UUID | str, originator_version: int) -> bytes:
        values = from_json(state)
        version = values.pop("class_version", 1)
        if type(version) is not int or version > self.version:
            raise ValueError(
                f"its class version {version} is newer than the code's, which is {self.version}"
            )
        values |= {"originator_id": originator_id, "originator_version": originator_version}
        for each in range(version, self.version):
            getattr(self.event_class, f"upcast_v{each}_v{each + 1}")(values)
        return to_json({name: values[name] for name in values if name not in _COLUMNS})


_codecs: dict[type, Codec] = {}
_codecs_by_topic: dict[str, Codec] = {}


def codec_for(event_class: type) -> Codec:
    """The one codec of an event class. Raises `NotStorable`."""
    try:
        return _codecs[event_class]
    except KeyError:
        return _codecs.setdefault(event_class, Codec(event_class))


def _codec_by_topic(topic: str) -> Codec:
    try:
        return _codecs_by_topic[topic]
    except KeyError:
        found = loaded_class(topic)
        if issubclass(found, (BaseAggregate, Command)):
            raise UnknownTopic(topic=topic) from None
        return _codecs_by_topic.setdefault(topic, codec_for(found))


def _names_aggregate(event_class: type) -> str | None:
    """The field in which such an event names an aggregate's class, for upstream to look up."""
    if issubclass(event_class, CanInitAggregate):
        return "originator_topic"
    return "topic" if issubclass(event_class, CanSnapshotAggregate) else None


def _with_version(state: bytes, version: int) -> bytes:
    start = b"%s%d" % (_VERSIONED, version)
    return start + (b"}" if state == b"{}" else b"," + state[1:])


def _schema(event_class: type) -> Schema:
    try:
        schema = cast("Schema", TypeAdapter(event_class).core_schema)
        return _without_columns(schema, {})
    except (PydanticUserError, KeyError, NameError) as error:
        reason = f"pydantic finds no way to write it: {error}"
        raise NotStorable(event=event_class.__qualname__, reason=reason) from error


def _without_columns(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    match schema["type"]:
        case "definitions":
            known = {each["ref"]: each for each in schema["definitions"]}
            return {**schema, "schema": _without_columns(schema["schema"], known)}
        case "definition-ref":
            return _without_columns(known[schema["schema_ref"]], known)
        case "model-fields":
            kept = {name: each for name, each in schema["fields"].items() if name not in _COLUMNS}
            return {**schema, "fields": kept}
        case "dataclass-args":
            named = [each for each in schema["fields"] if each["name"] not in _COLUMNS]
            return {**schema, "fields": named}
        case "dataclass":
            names = [name for name in schema["fields"] if name not in _COLUMNS]
            schema = {**schema, "fields": names, "post_init": False}
    schema = {key: value for key, value in schema.items() if key != "ref"}
    return {**schema, "schema": _without_columns(schema["schema"], known)}


# Proofs

Sure = Callable[[Any], bool]
"""Whether a value is sure to come back as it is; no means that it has to be tried."""


class _Unproven(Exception):
    """Nothing is sure for all values of a schema."""


def _never(_value: object) -> bool:
    return False


def _proof(schema: Schema) -> Sure:
    """Finds once, for all events of a class, what is sure."""
    try:
        return _Prover().function(schema, checked=False)
    except _Unproven:
        return _never


_FAR: Final = 10**4000
"""Python reads no number of more than 4300 digits."""

_FIXED_ZONES: Final = (timezone, TzInfo)
_ZONES: Final = (*_FIXED_ZONES, type(None))
_MINUTE: Final = timedelta(minutes=1)
_NO_TIME: Final = timedelta(0)


def _is_near(value: int) -> bool:
    return -_FAR < value < _FAR


def _has_plain_zone(value: datetime | time) -> bool:
    zone = value.tzinfo
    if value.fold:
        return False
    return zone is UTC or zone is None or (type(zone) in _FIXED_ZONES and _in_minutes(value))


def _in_minutes(value: datetime | time) -> bool:
    return not (value.utcoffset() or _NO_TIME) % _MINUTE


_LEAVES: Final[Mapping[str, tuple[type, Sure | None]]] = {
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
_SHAPES: Final = {
    "none": "null",
    "bool": "true or false",
    "int": "number",
    "float": "number",
    "str": "text",
    "uuid": "text",
    "date": "text",
    "datetime": "text",
    "list": "array",
    "tuple": "array",
    "dict": "object",
    "model": "object",
    "dataclass": "object",
}
"""What the values of a schema look like in JSON."""

_ANY: Final = {"type": "any"}
_COLLECTIONS: Final = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_KEYS: Final = ("str", "int", "uuid", "date", "enum")
_HARMLESS: Final = {"type", "ref", "metadata", "strict", "microseconds_precision"}
_HARMLESS_CONFIG: Final = {"title", "extra_fields_behavior", "frozen"}
_HARMLESS_FIELD: Final = {"type", "name", "schema", "init", "kw_only", "frozen", "metadata"}


class _Prover:
    """Goes through a core schema, and writes a Python expression that is true for what is sure.

    An expression, because it runs for every event: calling a function for each value would cost
    more than writing the event does. A schema with anything in it that is not known to be
    harmless is not proven.

    `checked` says that a value was checked by its own class when it was made, and has not changed
    since: it is part of a frozen model. Elsewhere a constraint may hold for what is read and not
    for what is written.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._schemas: dict[str, Schema] = {}

    def function(self, schema: Schema, *, checked: bool) -> Sure:
        """The test of a schema's values, to call. Raises `_Unproven`."""
        expression = self.test(schema, "value", checked)
        sure: Sure = eval(f"lambda value: {expression}", self._names)
        return sure

    def test(self, schema: Schema, value: str, checked: bool) -> str:
        """The test of the value that the expression `value` gives. Raises `_Unproven`."""
        kind = schema["type"]
        if kind == "function-plain" and schema["function"]["function"] is _heard:
            return f"{self._name(_is_event)}({value})"
        if "serialization" in schema:
            raise _Unproven
        if kind in _LEAVES:
            _allow(schema, checked)
            return self._is(*_LEAVES[kind], value)
        prove: Callable[..., str] | None = getattr(self, f"_{kind}".replace("-", "_"), None)
        if prove is None:
            raise _Unproven
        return prove(schema, value, checked)

    def _name(self, known: object) -> str:
        name = f"known_{id(known)}"
        self._names[name] = known
        return name

    def _is(self, kind: type, holds: Sure | None, value: str) -> str:
        is_kind = f"type({value}) is {self._name(kind)}"
        return is_kind if holds is None else f"{is_kind} and {self._name(holds)}({value})"

    def _all(self, schema: Schema, values: str, checked: bool) -> str:
        return f"all(map({self._name(self.function(schema, checked=checked))}, {values}))"

    def _definitions(self, schema: Schema, value: str, checked: bool) -> str:
        self._schemas |= {each["ref"]: each for each in schema["definitions"]}
        return self.test(schema["schema"], value, checked)

    def _definition_ref(self, schema: Schema, value: str, checked: bool) -> str:
        ref = schema["schema_ref"]
        name = f"defined_{list(self._schemas).index(ref)}"
        if name not in self._names:
            self._names[name] = _never  # until it is known, because it may contain itself
            self._names[name] = self.function(self._schemas[ref], checked=False)
        return f"{name}({value})"

    def _nullable(self, schema: Schema, value: str, checked: bool) -> str:
        return f"({value} is None or {self.test(schema['schema'], value, checked)})"

    def _default(self, schema: Schema, value: str, checked: bool) -> str:
        if schema.get("on_error", "raise") != "raise":
            raise _Unproven
        return self.test(schema["schema"], value, checked)

    def _literal(self, schema: Schema, value: str, checked: bool) -> str:
        expected = schema["expected"]
        return self._is(_kind_of(expected), frozenset(expected).__contains__, value)

    def _enum(self, schema: Schema, value: str, checked: bool) -> str:
        _kind_of([each.value for each in schema["members"]])
        if issubclass(schema["cls"], Flag):
            raise _Unproven
        return self._is(schema["cls"], None, value)

    def _union(self, schema: Schema, value: str, checked: bool) -> str:
        choices = schema["choices"]
        tests = [self.test(each, value, checked) for each in choices]
        if len(set(tests)) == 1:
            return tests[0]  # several ways of writing values of one type
        shapes = {_SHAPES.get(each["type"]) for each in choices}
        if None in shapes or len(shapes) < len(choices):
            raise _Unproven
        return f"({' or '.join(tests)})"

    def _list(self, schema: Schema, value: str, checked: bool) -> str:
        _allow(schema, checked, "items_schema")
        is_kind = self._is(_COLLECTIONS[schema["type"]], None, value)
        return f"{is_kind} and {self._all(schema.get('items_schema', _ANY), value, checked)}"

    _set = _frozenset = _list

    def _tuple(self, schema: Schema, value: str, checked: bool) -> str:
        items = schema["items_schema"]
        if schema.get("variadic_item_index") == 0 and len(items) == 1:
            every = {key: each for key, each in schema.items() if key != "variadic_item_index"}
            return self._list({**every, "items_schema": items[0]}, value, checked)
        if "variadic_item_index" in schema:
            raise _Unproven
        tests = [self.test(each, f"{value}[{n}]", checked) for n, each in enumerate(items)]
        return " and ".join([self._is(tuple, None, value), f"len({value}) == {len(items)}", *tests])

    def _dict(self, schema: Schema, value: str, checked: bool) -> str:
        _allow(schema, checked, "keys_schema", "values_schema")
        keys = schema.get("keys_schema", _ANY)
        if keys["type"] not in _KEYS or keys.get("strict"):
            raise _Unproven
        if keys["type"] == "enum" and any(type(each.value) is int for each in keys["members"]):
            raise _Unproven  # a key is text, and not every enum takes text for a number
        keys_are = self._all(keys, value, checked)
        values_are = self._all(schema.get("values_schema", _ANY), f"{value}.values()", checked)
        return f"{self._is(dict, None, value)} and {keys_are} and {values_are}"

    def _function_after(self, schema: Schema, value: str, checked: bool) -> str:
        inner = schema["schema"]
        if not checked and not _is_checked(inner):
            raise _Unproven
        return self.test(inner, value, checked)

    _function_before = _function_wrap = _function_after

    def _custom_error(self, schema: Schema, value: str, checked: bool) -> str:
        return self.test(schema["schema"], value, checked)

    def _json_or_python(self, schema: Schema, value: str, checked: bool) -> str:
        return self.test(schema["json_schema"], value, checked)

    def _chain(self, schema: Schema, value: str, checked: bool) -> str:
        if not checked:
            raise _Unproven
        return self.test(schema["steps"][-1], value, checked)

    def _dataclass(self, schema: Schema, value: str, checked: bool) -> str:
        cls = schema["cls"]
        if schema.get("post_init") and not cls.__dataclass_params__.frozen:
            raise _Unproven
        args, is_plain = _unwrapped(schema["schema"])
        fields = {each["name"]: each for each in args["fields"]}
        declared = {each.name for each in fields_of(cls)}
        if fields.keys() | set(_COLUMNS) != declared | set(_COLUMNS):
            raise _Unproven
        return self._fields(schema, fields, value, is_plain)

    def _model(self, schema: Schema, value: str, checked: bool) -> str:
        cls = schema["cls"]
        keeps_more = cls.__private_attributes__ or cls.model_config.get("extra") == "allow"
        if schema.get("root_model") or schema.get("custom_init") or keeps_more:
            raise _Unproven
        inner, is_plain = _unwrapped(schema["schema"])
        if inner["type"] != "model-fields" or inner.get("computed_fields"):
            raise _Unproven
        return self._fields(
            schema, inner["fields"], value, is_plain and not schema.get("post_init")
        )

    def _fields(
        self, schema: Schema, fields: Mapping[str, Schema], value: str, is_plain: bool
    ) -> str:
        if not schema.get("config", {}).keys() <= _HARMLESS_CONFIG:
            raise _Unproven
        is_cls = self._is(schema["cls"], None, value)
        try:
            if is_plain:
                return " and ".join([is_cls, *self._each(fields, value, checked=False)])
        except _Unproven:
            pass  # As it stands; it may be trusted to have been checked.
        if not _is_checked(schema):
            raise _Unproven
        trial = f"{self._name(_tried_once(schema['cls']))}({value})"
        return " and ".join([is_cls, *self._each(fields, value, checked=True), trial])

    def _each(self, fields: Mapping[str, Schema], value: str, *, checked: bool) -> list[str]:
        return [
            self.test(_of_field(name, each), f"{value}.{name}", checked)
            for name, each in fields.items()
        ]


def _allow(schema: Schema, checked: bool, *own: str) -> None:
    if not checked and not schema.keys() <= _HARMLESS.union(own):
        raise _Unproven


def _of_field(name: str, field: Schema) -> Schema:
    is_harmless = field.keys() <= _HARMLESS_FIELD and field.get("init", True)
    if not is_harmless or not name.isidentifier() or iskeyword(name):
        raise _Unproven
    schema: Schema = field["schema"]
    return schema


def _unwrapped(schema: Schema) -> tuple[Schema, bool]:
    """What the functions around a schema are for, and whether there are none."""
    inner = schema
    while inner["type"] in ("function-after", "function-before", "function-wrap"):
        inner = inner["schema"]
    return inner, inner is schema


def _is_checked(schema: Schema) -> bool:
    inner, _ = _unwrapped(schema)
    match inner["type"]:
        case "model":
            return bool(inner["cls"].model_config.get("frozen"))
        case "dataclass":
            cls = inner["cls"]
            return bool(cls.__dataclass_params__.frozen) and is_pydantic_dataclass(cls)
    return False


def _kind_of(values: list[Any]) -> type:
    for kind in (str, int):
        if all(type(each) is kind for each in values):
            return kind
    raise _Unproven


def _tried_once(cls: type) -> Sure:
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
    return _difference(value, back) is None


# Comparisons

_MISSING: Final = object()
_short: Final = Repr()
_short.maxstring = _short.maxother = 60


def _difference(written: Any, read: Any, where: str = "") -> str | None:
    """Where two values differ, in type or in content; None where they do not."""
    if type(written) is type(read):
        parts = _parts(written, read)
        if parts is None and _is_same(written, read):
            return None
        if parts is not None:
            found = (_difference(left, right, _path(where, name)) for name, left, right in parts)
            return next((each for each in found if each is not None), None)
    return f"{where or 'it'} is {_shown(written)} and would come back as {_shown(read)}"


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


def _is_same(written: Any, read: Any) -> bool:
    match written:
        case Enum():
            return written is read
        case float() | complex() | Decimal():
            return repr(written) == repr(read)
        case datetime() | time():
            return _clock(written) == _clock(read) and type(written.tzinfo) in _ZONES
    return bool(written == read)


def _clock(value: datetime | time) -> tuple[Any, ...]:
    return value.replace(tzinfo=None), value.utcoffset(), value.fold


# Events inside events


def dump(event: Any) -> dict[str, Any]:
    """An event as plain values, to be kept inside another one's JSON. Raises `NotStorable`."""
    codec = codec_for(type(event))
    return {
        "topic": codec.topic,
        "originator_id": str(event.originator_id),
        "originator_version": event.originator_version,
        "state": codec.tree(event),
    }


def load(data: Any) -> Any:
    """The event that `dump` made this of. Raises `ValueError`, and `UnknownTopic`."""
    match data:
        case {
            "topic": str(topic),
            "originator_id": str(originator_id),
            "originator_version": int(version),
            "state": dict(state),
        }:
            codec = _codec_by_topic(topic)
            return codec.decode(to_json(state), codec.id_of(originator_id), version)
    raise ValueError("an event has a topic, an originator_id, an originator_version and a state")


def _is_event(value: object) -> bool:
    return isinstance(value, DomainEvent | HasOriginatorIDVersion)


def _heard(value: Any) -> Any:
    return value if _is_event(value) else load(value)


def _heard_schema(_source: object, _handler: object) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        _heard, serialization=core_schema.plain_serializer_function_ser_schema(dump)
    )


Heard = Annotated[Any, GetPydanticSchema(_heard_schema)]
"""The type of a field that keeps any event, whole and typed, inside another event."""


# The mapper


class TypedMapper(Mapper[UUID]):
    """Writes events as plain typed JSON, and reads only classes that are loaded.

    Takes the place of upstream's mapper; its compressor and cipher are used, its transcoder is
    not. Raises `NotStorable` for an event that would not come back as it is, `Unreadable` (an
    upstream `MapperDeserialisationError`) and `UnknownTopic` for a row that is not such an event.
    """

    @override
    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Writes an event. Raises `NotStorable`."""
        codec = codec_for(type(domain_event))
        state = codec.encode(domain_event)
        if self.compressor:
            state = self.compressor.compress(state)
        if self.cipher:
            state = self.cipher.encrypt(state)
        return StoredEvent(
            domain_event.originator_id, domain_event.originator_version, codec.topic, state
        )

    @override
    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Reads an event. Raises `Unreadable`, and `UnknownTopic`."""
        codec = _codec_by_topic(stored_event.topic)
        originator_id = stored_event.originator_id
        version = stored_event.originator_version
        try:
            state = self._state(stored_event.state)
            event = codec.decode(state, codec.id_of(originator_id), version)
        except UnknownTopic:
            raise
        except Exception as error:
            raise Unreadable(
                topic=stored_event.topic,
                originator_id=originator_id,
                originator_version=version,
                reason=_reason(error),
            ) from error
        return cast("DomainEventProtocol[UUID]", event)

    def _state(self, stored: bytes) -> bytes:
        state = self.cipher.decrypt(stored) if self.cipher else stored
        if self.compressor:
            state = _decompressed(self.compressor, state)
        if len(state) > MAX_STATE:
            raise ValueError(f"it has more than {MAX_STATE} bytes")
        return state


def _decompressed(compressor: Any, data: bytes) -> bytes:
    if type(compressor) is not ZlibCompressor and compressor is not zlib:
        return cast("bytes", compressor.decompress(data))
    # Only as far as it may go, because a few bytes can be made to fill the memory.
    flow = zlib.decompressobj()
    state = flow.decompress(data, MAX_STATE + 1)
    if not flow.eof and len(state) <= MAX_STATE:
        raise ValueError("it ends too early")
    return state


def _reason(error: Exception) -> str:
    """What is wrong, without the values: they may be a secret, or very long."""
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'its state'}: {first['msg']}"
