"""The proof that all events of a class come back as they are, from its schema."""

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from datetime import UTC
from enum import Flag
from keyword import iskeyword
from typing import Any, Final

from pydantic.dataclasses import is_pydantic_dataclass

from sagaline.codec.checks import PROVEN_TYPES, Check, tried_once, unproven
from sagaline.codec.scalars import SCALARS, USUAL
from sagaline.codec.schema import COLUMNS, Schema


def prove_round_trip(schema: Schema) -> Check:
    """Finds once, for all events of a class, what is sure."""
    try:
        return _Prover().function(schema, checked=False)
    except Unproven:
        return unproven


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


class Unproven(Exception):
    """Nothing is sure for all values of a schema."""


def allow(schema: Schema, checked: bool, *own: str) -> None:
    """Raises `Unproven` if a schema that is not `checked` has more than these keys of its `own`."""
    if not checked and not schema.keys() <= _HARMLESS.union(own):
        raise Unproven


def allow_config(schema: Schema) -> None:
    """Raises `Unproven` if a class is configured to write or read its values in some other way."""
    if not schema.get("config", {}).keys() <= _HARMLESS_CONFIG:
        raise Unproven


def schema_of_field(name: str, field: Schema) -> Schema:
    """The schema of a field's values. Raises `Unproven` for one that is more than a name."""
    is_harmless = field.keys() <= _HARMLESS_FIELD and field.get("init", True)
    if not is_harmless or not name.isidentifier() or iskeyword(name):
        raise Unproven
    schema: Schema = field["schema"]
    return schema


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
        self._names: dict[str, Any] = {"UTC": UTC}
        self._schemas: dict[str, Schema] = {}

    def function(self, schema: Schema, *, checked: bool) -> Check:
        """The test of a schema's values, to call. Raises `Unproven`."""
        expression = self.test(schema, "value", checked)
        sure: Check = eval(f"lambda value: {expression}", self._names)
        return sure

    def test(self, schema: Schema, value: str, checked: bool) -> str:
        """The test of the value that the expression `value` gives. Raises `Unproven`."""
        kind = schema["type"]
        if kind == "function-plain" and PROVEN_TYPES in schema.get("metadata", {}):
            return f"{self._name(schema['metadata'][PROVEN_TYPES])}({value})"
        if "serialization" in schema:
            raise Unproven
        if kind in SCALARS:
            allow(schema, checked)
            return self._is(*SCALARS[kind], value, USUAL.get(kind))
        prove: Callable[..., str] | None = getattr(self, f"_{kind}".replace("-", "_"), None)
        if prove is None:
            raise Unproven
        return prove(schema, value, checked)

    def _name(self, known: object) -> str:
        name = f"known_{id(known)}"
        self._names[name] = known
        return name

    def _is(self, kind: type, holds: Check | None, value: str, usual: str | None = None) -> str:
        is_kind = f"type({value}) is {self._name(kind)}"
        if holds is None:
            return is_kind
        test = f"{self._name(holds)}({value})"
        return (
            f"{is_kind} and ({usual.format(value)} or {test})" if usual else f"{is_kind} and {test}"
        )

    def _all(self, schema: Schema, values: str, checked: bool) -> str:
        return f"all(map({self._name(self.function(schema, checked=checked))}, {values}))"

    def _definitions(self, schema: Schema, value: str, checked: bool) -> str:
        self._schemas |= {each["ref"]: each for each in schema["definitions"]}
        return self.test(schema["schema"], value, checked)

    def _definition_ref(self, schema: Schema, value: str, checked: bool) -> str:
        ref = schema["schema_ref"]
        name = f"defined_{list(self._schemas).index(ref)}"
        if name not in self._names:
            self._names[name] = unproven  # until it is known, because it may contain itself
            self._names[name] = self.function(self._schemas[ref], checked=False)
        return f"{name}({value})"

    def _nullable(self, schema: Schema, value: str, checked: bool) -> str:
        return f"({value} is None or {self.test(schema['schema'], value, checked)})"

    def _default(self, schema: Schema, value: str, checked: bool) -> str:
        if schema.get("on_error", "raise") != "raise":
            raise Unproven
        return self.test(schema["schema"], value, checked)

    def _literal(self, schema: Schema, value: str, checked: bool) -> str:
        expected = schema["expected"]
        return self._is(_kind_of(expected), frozenset(expected).__contains__, value)

    def _enum(self, schema: Schema, value: str, checked: bool) -> str:
        _kind_of([each.value for each in schema["members"]])
        if issubclass(schema["cls"], Flag):
            raise Unproven
        return self._is(schema["cls"], None, value)

    def _union(self, schema: Schema, value: str, checked: bool) -> str:
        choices = schema["choices"]
        tests = [self.test(each, value, checked) for each in choices]
        if len(set(tests)) == 1:
            return tests[0]  # several ways of writing values of one type
        shapes = {_SHAPES.get(each["type"]) for each in choices}
        if None in shapes or len(shapes) < len(choices):
            raise Unproven
        return f"({' or '.join(tests)})"

    def _list(self, schema: Schema, value: str, checked: bool) -> str:
        allow(schema, checked, "items_schema")
        is_kind = self._is(_COLLECTIONS[schema["type"]], None, value)
        return f"{is_kind} and {self._all(schema.get('items_schema', _ANY), value, checked)}"

    _set = _frozenset = _list

    def _tuple(self, schema: Schema, value: str, checked: bool) -> str:
        items = schema["items_schema"]
        if schema.get("variadic_item_index") == 0 and len(items) == 1:
            every = {key: each for key, each in schema.items() if key != "variadic_item_index"}
            return self._list({**every, "items_schema": items[0]}, value, checked)
        if "variadic_item_index" in schema:
            raise Unproven
        tests = [self.test(each, f"{value}[{n}]", checked) for n, each in enumerate(items)]
        return " and ".join([self._is(tuple, None, value), f"len({value}) == {len(items)}", *tests])

    def _dict(self, schema: Schema, value: str, checked: bool) -> str:
        allow(schema, checked, "keys_schema", "values_schema")
        keys = schema.get("keys_schema", _ANY)
        if keys["type"] not in _KEYS or keys.get("strict"):
            raise Unproven
        if keys["type"] == "enum" and any(type(each.value) is int for each in keys["members"]):
            raise Unproven  # a key is text, and not every enum takes text for a number
        keys_are = self._all(keys, value, checked)
        values_are = self._all(schema.get("values_schema", _ANY), f"{value}.values()", checked)
        return f"{self._is(dict, None, value)} and {keys_are} and {values_are}"

    def _function_after(self, schema: Schema, value: str, checked: bool) -> str:
        inner = schema["schema"]
        if not checked and not _is_checked(inner):
            raise Unproven
        return self.test(inner, value, checked)

    _function_before = _function_wrap = _function_after

    def _custom_error(self, schema: Schema, value: str, checked: bool) -> str:
        return self.test(schema["schema"], value, checked)

    def _json_or_python(self, schema: Schema, value: str, checked: bool) -> str:
        return self.test(schema["json_schema"], value, checked)

    def _chain(self, schema: Schema, value: str, checked: bool) -> str:
        if not checked:
            raise Unproven
        return self.test(schema["steps"][-1], value, checked)

    def _dataclass(self, schema: Schema, value: str, checked: bool) -> str:
        cls = schema["cls"]
        if schema.get("post_init") and not cls.__dataclass_params__.frozen:
            raise Unproven
        args, is_plain = _unwrapped(schema["schema"])
        fields = {each["name"]: each for each in args["fields"]}
        declared = {each.name for each in fields_of(cls)}
        if fields.keys() | set(COLUMNS) != declared | set(COLUMNS):
            raise Unproven
        return self._fields(schema, fields, value, is_plain)

    def _model(self, schema: Schema, value: str, checked: bool) -> str:
        cls = schema["cls"]
        keeps_more = cls.__private_attributes__ or cls.model_config.get("extra") == "allow"
        if schema.get("root_model") or schema.get("custom_init") or keeps_more:
            raise Unproven
        inner, is_plain = _unwrapped(schema["schema"])
        if inner["type"] != "model-fields" or inner.get("computed_fields"):
            raise Unproven
        return self._fields(
            schema, inner["fields"], value, is_plain and not schema.get("post_init")
        )

    def _fields(
        self, schema: Schema, fields: Mapping[str, Schema], value: str, is_plain: bool
    ) -> str:
        allow_config(schema)
        is_cls = self._is(schema["cls"], None, value)
        try:
            if is_plain:
                return " and ".join([is_cls, *self._each(fields, value, checked=False)])
        except Unproven:
            pass  # As it stands; it may be trusted to have been checked.
        if not _is_checked(schema):
            raise Unproven
        trial = f"{self._name(tried_once(schema['cls']))}({value})"
        return " and ".join([is_cls, *self._each(fields, value, checked=True), trial])

    def _each(self, fields: Mapping[str, Schema], value: str, *, checked: bool) -> list[str]:
        return [
            self.test(schema_of_field(name, each), f"{value}.{name}", checked)
            for name, each in fields.items()
        ]


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
    raise Unproven
