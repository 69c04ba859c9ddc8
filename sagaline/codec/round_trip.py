"""Proves from the schema of an event class which of its events round-trip."""

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from datetime import UTC
from enum import Flag
from keyword import iskeyword
from typing import Any, Final

from pydantic.dataclasses import is_pydantic_dataclass

from sagaline.codec.checks import PROOF, Proof, no_proof, proof_by_trial
from sagaline.codec.scalars import COMMON_CASES, SCALARS
from sagaline.codec.schema import COLUMNS, Schema


def prove_round_trip(schema: Schema) -> Proof:
    """The proof for the events of a class; `no_proof` where its schema does not give one."""
    try:
        return _Prover().proof(schema, checked=False)
    except Unproven:
        return no_proof


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
"""Type of a core schema -> the kind of JSON that its values are written as."""

_ANY: Final = {"type": "any"}
_COLLECTIONS: Final = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_KEYS: Final = ("str", "int", "uuid", "date", "enum")


_HARMLESS: Final = {"type", "ref", "metadata", "strict", "microseconds_precision"}
_HARMLESS_CONFIG: Final = {"title", "extra_fields_behavior", "frozen"}
_HARMLESS_FIELD: Final = {"type", "name", "schema", "init", "kw_only", "frozen", "metadata"}


class Unproven(Exception):
    """A schema does not prove that its values round-trip."""


def allow(schema: Schema, checked: bool, *own: str) -> None:
    """Raises `Unproven` if a schema that is not `checked` has keys other than these."""
    if not checked and not schema.keys() <= _HARMLESS.union(own):
        raise Unproven


def allow_config(schema: Schema) -> None:
    """Raises `Unproven` if a class is configured to write or read its values in another way."""
    if not schema.get("config", {}).keys() <= _HARMLESS_CONFIG:
        raise Unproven


def schema_of_field(name: str, field: Schema) -> Schema:
    """The schema of a field's values. Raises `Unproven` where the field has, say, an alias."""
    is_harmless = field.keys() <= _HARMLESS_FIELD and field.get("init", True)
    if not is_harmless or not name.isidentifier() or iskeyword(name):
        raise Unproven
    schema: Schema = field["schema"]
    return schema


class _Prover:
    """Compiles a core schema to a Python expression that is true of values that round-trip.

    It is an expression because it runs for every event: a function call for each value would cost
    more than writing the event. A schema with any key that is not known to be harmless is not
    proven.

    `checked` means that the value's class checked it when it was created and that it has not
    changed since, because it is part of a frozen model. Any other value may break a constraint
    that is checked when it is read.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"UTC": UTC}
        self._schemas: dict[str, Schema] = {}

    def proof(self, schema: Schema, *, checked: bool) -> Proof:
        """The proof for a schema's values, as a function. Raises `Unproven`."""
        expression = self.expression(schema, "value", checked)
        proof: Proof = eval(f"lambda value: {expression}", self._names)
        return proof

    def expression(self, schema: Schema, value: str, checked: bool) -> str:
        """The proof for the value of the expression `value`. Raises `Unproven`."""
        kind = schema["type"]
        if kind == "function-plain" and PROOF in schema.get("metadata", {}):
            return f"{self._name(schema['metadata'][PROOF])}({value})"
        if "serialization" in schema:
            raise Unproven
        if kind in SCALARS:
            allow(schema, checked)
            return self._is(*SCALARS[kind], value, COMMON_CASES.get(kind))
        prove: Callable[..., str] | None = getattr(self, f"_{kind}".replace("-", "_"), None)
        if prove is None:
            raise Unproven
        return prove(schema, value, checked)

    def _name(self, known: object) -> str:
        name = f"known_{id(known)}"
        self._names[name] = known
        return name

    def _is(self, kind: type, holds: Proof | None, value: str, common: str | None = None) -> str:
        is_kind = f"type({value}) is {self._name(kind)}"
        if holds is None:
            return is_kind
        test = f"{self._name(holds)}({value})"
        return (
            f"{is_kind} and ({common.format(value)} or {test})"
            if common
            else f"{is_kind} and {test}"
        )

    def _all(self, schema: Schema, values: str, checked: bool) -> str:
        return f"all(map({self._name(self.proof(schema, checked=checked))}, {values}))"

    def _definitions(self, schema: Schema, value: str, checked: bool) -> str:
        self._schemas |= {each["ref"]: each for each in schema["definitions"]}
        return self.expression(schema["schema"], value, checked)

    def _definition_ref(self, schema: Schema, value: str, checked: bool) -> str:
        ref = schema["schema_ref"]
        name = f"defined_{list(self._schemas).index(ref)}"
        if name not in self._names:
            self._names[name] = no_proof  # until it is compiled, because it may contain itself
            self._names[name] = self.proof(self._schemas[ref], checked=False)
        return f"{name}({value})"

    def _nullable(self, schema: Schema, value: str, checked: bool) -> str:
        return f"({value} is None or {self.expression(schema['schema'], value, checked)})"

    def _default(self, schema: Schema, value: str, checked: bool) -> str:
        if schema.get("on_error", "raise") != "raise":
            raise Unproven
        return self.expression(schema["schema"], value, checked)

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
        tests = [self.expression(each, value, checked) for each in choices]
        if len(set(tests)) == 1:
            return tests[0]  # the choices are values of one type
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
        tests = [self.expression(each, f"{value}[{n}]", checked) for n, each in enumerate(items)]
        return " and ".join([self._is(tuple, None, value), f"len({value}) == {len(items)}", *tests])

    def _dict(self, schema: Schema, value: str, checked: bool) -> str:
        allow(schema, checked, "keys_schema", "values_schema")
        keys = schema.get("keys_schema", _ANY)
        if keys["type"] not in _KEYS or keys.get("strict"):
            raise Unproven
        if keys["type"] == "enum" and any(type(each.value) is int for each in keys["members"]):
            raise Unproven  # a key is written as text, which an enum of numbers may not read
        keys_are = self._all(keys, value, checked)
        values_are = self._all(schema.get("values_schema", _ANY), f"{value}.values()", checked)
        return f"{self._is(dict, None, value)} and {keys_are} and {values_are}"

    def _function_after(self, schema: Schema, value: str, checked: bool) -> str:
        inner = schema["schema"]
        if not checked and not _is_checked(inner):
            raise Unproven
        return self.expression(inner, value, checked)

    _function_before = _function_wrap = _function_after

    def _custom_error(self, schema: Schema, value: str, checked: bool) -> str:
        return self.expression(schema["schema"], value, checked)

    def _json_or_python(self, schema: Schema, value: str, checked: bool) -> str:
        return self.expression(schema["json_schema"], value, checked)

    def _chain(self, schema: Schema, value: str, checked: bool) -> str:
        if not checked:
            raise Unproven
        return self.expression(schema["steps"][-1], value, checked)

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
            pass  # Not by its fields alone; the class may have checked its values.
        if not _is_checked(schema):
            raise Unproven
        trial = f"{self._name(proof_by_trial(schema['cls']))}({value})"
        return " and ".join([is_cls, *self._each(fields, value, checked=True), trial])

    def _each(self, fields: Mapping[str, Schema], value: str, *, checked: bool) -> list[str]:
        return [
            self.expression(schema_of_field(name, each), f"{value}.{name}", checked)
            for name, each in fields.items()
        ]


def _unwrapped(schema: Schema) -> tuple[Schema, bool]:
    """The schema inside the functions around it, and whether there are none."""
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
