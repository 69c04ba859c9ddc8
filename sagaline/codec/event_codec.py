"""The codec of one event class: writes its events as JSON, and reads them."""

from collections.abc import Callable
from functools import cached_property, partial
from hashlib import sha256
from inspect import get_annotations
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing.domain import (
    CanInitAggregate,
    CanSnapshotAggregate,
    DomainEvent,
    HasOriginatorIDVersion,
)
from eventsourcing.utils import get_topic
from pydantic import ValidationError
from pydantic_core import (
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    core_schema,
    from_json,
    to_json,
)

from sagaline.codec.checks import Proof, no_proof
from sagaline.codec.diff import difference
from sagaline.codec.immutable import is_immutable
from sagaline.codec.round_trip import prove_round_trip
from sagaline.codec.schema import COLUMNS, schema_of
from sagaline.codec.topics import check_aggregate
from sagaline.errors import NotStorable

MAX_STATE: Final = 1024 * 1024
"""Bytes of JSON in one event, at most: about a thousand times the usual size.

Larger events are neither written nor read, because a few compressed bytes may expand to any size
and exhaust memory.
"""

_VERSIONED: Final = b'{"class_version":'


class Codec:
    """Writes and reads the events of one class."""

    def __init__(self, event_class: type) -> None:
        if not issubclass(event_class, DomainEvent | HasOriginatorIDVersion):
            raise NotStorable(event=event_class.__qualname__, reason="it is not an event")
        schema = schema_of(event_class)
        self.event_class = event_class
        self.topic = get_topic(event_class)
        self.version: int = getattr(event_class, "class_version", 1)
        self.is_immutable = is_immutable(schema)
        """Whether its events cannot change, so that several readers may share one."""
        self._has_uuid = getattr(event_class, "originator_id_type", UUID) is not str
        self._aggregate_field = _aggregate_field(event_class)
        self._serializer = SchemaSerializer(cast("core_schema.CoreSchema", schema))
        self._validator = SchemaValidator(cast("core_schema.CoreSchema", schema))
        self._to_json = partial(self._serializer.to_json, by_alias=True)
        self._to_tree = partial(self._serializer.to_python, by_alias=True, mode="json")
        self._proof = prove_round_trip(schema)
        self._is_proven: Proof = no_proof  # until a first event was read back

    @cached_property
    def shape(self) -> str:
        """The class version and a hash of the annotated fields: events of one shape are alike."""
        owners = reversed(self.event_class.__mro__)
        fields = {name: kind for each in owners for name, kind in get_annotations(each).items()}
        text = "\n".join(f"{name}: {kind}" for name, kind in fields.items())
        return f"{self.version}:{sha256(text.encode()).hexdigest()[:16]}"

    def id_of(self, originator_id: UUID | str) -> UUID | str:
        """The id in the type that this class has it in: some databases store it as text."""
        if self._has_uuid and type(originator_id) is str:
            return UUID(originator_id)
        return originator_id

    def encode(self, event: Any) -> bytes:
        """Writes an event as JSON, without the fields that have columns. Raises `NotStorable`."""
        state: bytes = self._write_proven(self._to_json, event) or self._write_tried(event)
        if self.version > 1:
            state = _with_version(state, self.version)
        if len(state) > MAX_STATE:
            reason = f"it has {len(state)} bytes, and an event has at most {MAX_STATE}"
            raise self._refusal(reason)
        return state

    def tree(self, event: Any) -> dict[str, Any]:
        """Writes an event as plain values, which become part of another event's JSON."""
        state = self._write_proven(self._to_tree, event) or from_json(self._write_tried(event))
        return state if self.version == 1 else {"class_version": self.version, **state}

    def decode(self, state: bytes, originator_id: UUID | str, originator_version: int) -> Any:
        """Reads the event that `encode` has written. Raises `ValueError`, and `UnknownTopic`."""
        if self.version > 1 or state.startswith(_VERSIONED):
            state = self._upcast(state, originator_id, originator_version)
        event = self._validator.validate_json(state)
        attributes = event.__dict__
        attributes["originator_id"] = originator_id
        attributes["originator_version"] = originator_version
        if self._aggregate_field is not None:
            check_aggregate(attributes[self._aggregate_field])
        return event

    def _write_proven(self, write: Callable[[Any], Any], event: Any) -> Any:
        """Writes the event if it is proven to round-trip, else returns None."""
        try:
            if self._is_proven(event):
                return write(event)
        except (PydanticSerializationError, NotStorable, AttributeError):
            pass  # A fault that types do not show, such as a lone surrogate: the trial names it.
        return None

    def _write_tried(self, event: Any) -> bytes:
        """Writes the event and reads it back as a trial; refuses it where it is not equal."""
        try:
            state = self._serializer.to_json(event, by_alias=True, warnings=False)
            read = self._validator.validate_json(state)
        except ValidationError as error:
            raise self._refusal(f"it could not be read back, {reason_of(error)}") from error
        except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
            raise self._refusal(f"{self._failing_field(event)}: {error}") from error
        for name in COLUMNS:
            read.__dict__[name] = getattr(event, name)
        differing = difference(event, read)
        if differing is not None:
            raise self._refusal(differing)
        self._is_proven = self._proof
        return state

    def _failing_field(self, event: Any) -> str:
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
        return to_json({name: values[name] for name in values if name not in COLUMNS})


def _aggregate_field(event_class: type) -> str | None:
    """The field, if any, in which an event names the aggregate's class, which upstream imports."""
    if issubclass(event_class, CanInitAggregate):
        return "originator_topic"
    return "topic" if issubclass(event_class, CanSnapshotAggregate) else None


def _with_version(state: bytes, version: int) -> bytes:
    start = b"%s%d" % (_VERSIONED, version)
    return start + (b"}" if state == b"{}" else b"," + state[1:])


def reason_of(error: Exception) -> str:
    """The reason without the values, which may be secret, or very long."""
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'its state'}: {first['msg']}"
