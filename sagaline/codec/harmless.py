"""What may stand in a schema and changes nothing of the values that are written."""

from keyword import iskeyword
from typing import Final

from sagaline.codec.schema import Schema

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
