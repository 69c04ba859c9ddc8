"""The schema of an event class: the fields that are written as JSON."""

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from sagaline.errors import NotStorable

Schema = dict[str, Any]
"""A core schema of pydantic."""

COLUMNS: Final = ("originator_id", "originator_version")
"""Attributes of every event that have a column each, and are not written as JSON."""


def schema_of(event_class: type) -> Schema:
    """The schema of an event without the fields that have columns. Raises `NotStorable`."""
    try:
        schema = cast("Schema", TypeAdapter(event_class).core_schema)
        return _without_columns(schema, {})
    except (PydanticUserError, KeyError, NameError) as error:
        reason = f"pydantic cannot write it: {error}"
        raise NotStorable(event=event_class.__qualname__, reason=reason) from error


def _without_columns(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    match schema["type"]:
        case "definitions":
            known = {each["ref"]: each for each in schema["definitions"]}
            return {**schema, "schema": _without_columns(schema["schema"], known)}
        case "definition-ref":
            return _without_columns(known[schema["schema_ref"]], known)
        case "model-fields":
            kept = {name: each for name, each in schema["fields"].items() if name not in COLUMNS}
            return {**schema, "fields": kept}
        case "dataclass-args":
            named = [each for each in schema["fields"] if each["name"] not in COLUMNS]
            return {**schema, "fields": named}
        case "dataclass":
            names = [name for name in schema["fields"] if name not in COLUMNS]
            schema = {**schema, "fields": names, "post_init": False}
    schema = {key: value for key, value in schema.items() if key != "ref"}
    return {**schema, "schema": _without_columns(schema["schema"], known)}
