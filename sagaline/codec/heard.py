"""Events inside events, whole and typed."""

from typing import Annotated, Any

from eventsourcing.domain import DomainEvent, HasOriginatorIDVersion
from pydantic import GetPydanticSchema
from pydantic_core import core_schema, to_json

from sagaline.codec.event_codec import codec_by_topic, codec_for
from sagaline.codec.sure import VOUCHED


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
            codec = codec_by_topic(topic)
            return codec.decode(to_json(state), codec.id_of(originator_id), version)
    raise ValueError("an event has a topic, an originator_id, an originator_version and a state")


def _is_event(value: object) -> bool:
    return isinstance(value, DomainEvent | HasOriginatorIDVersion)


def _heard(value: Any) -> Any:
    return value if _is_event(value) else load(value)


def _heard_schema(_source: object, _handler: object) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        _heard,
        metadata={VOUCHED: _is_event},
        serialization=core_schema.plain_serializer_function_ser_schema(dump),
    )


Heard = Annotated[Any, GetPydanticSchema(_heard_schema)]
"""The type of a field that keeps any event, whole and typed, inside another event."""
