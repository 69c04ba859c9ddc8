"""Events inside events, whole and typed."""

from typing import Annotated, Any, Final

from eventsourcing.domain import DomainEvent, HasOriginatorIDVersion
from pydantic import GetPydanticSchema
from pydantic_core import core_schema, to_json

from sagaline.codec.checks import PROVEN_TYPES
from sagaline.codec.event_codec import codec_by_topic, codec_for, reason_of
from sagaline.errors import UnknownTopic, Unreadable


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
    dumped = _dumped(data)
    codec = codec_by_topic(dumped["topic"])
    originator_id = codec.id_of(dumped["originator_id"])
    return codec.decode(to_json(dumped["state"]), originator_id, dumped["originator_version"])


def _dumped(data: Any) -> dict[str, Any]:
    match data:
        case {
            "topic": str(),
            "originator_id": str(),
            "originator_version": int(),
            "state": dict(),
        }:
            dumped: dict[str, Any] = data
            return dumped
    raise ValueError("an event has a topic, an originator_id, an originator_version and a state")


def _is_event(value: object) -> bool:
    return isinstance(value, DomainEvent | HasOriginatorIDVersion)


def _heard(value: Any) -> Any:
    return value if _is_event(value) else load(value)


def _heard_schema(_source: object, _handler: object) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        _heard,
        metadata={PROVEN_TYPES: _is_event},
        serialization=core_schema.plain_serializer_function_ser_schema(dump),
    )


NestedEvent = Annotated[Any, GetPydanticSchema(_heard_schema)]
"""The type of a field that keeps any event, whole and typed, inside another event."""


class LazyField:
    """The default of a field of type `LazyNestedEvent`: its event is decoded when it is first read.

    Most who read the event around it never ask, and to read what is inside takes as long again.
    Where it cannot be read, who asks gets `Unreadable` or `UnknownTopic`.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            raise AttributeError(self._name)  # by which a dataclass knows that it is no default
        value = instance.__dict__[self._name]
        if type(value) is dict:
            value = instance.__dict__[self._name] = _read(value)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = value


def _read(data: dict[str, Any]) -> Any:
    try:
        return load(data)
    except UnknownTopic:
        raise
    except Exception as error:
        raise Unreadable(
            topic=data["topic"],
            originator_id=data["originator_id"],
            originator_version=data["originator_version"],
            reason=reason_of(error),
        ) from error


def _heard_later(value: Any) -> Any:
    return value if _is_event(value) else _dumped(value)


_later_schema: Final = core_schema.no_info_plain_validator_function(
    _heard_later,
    metadata={PROVEN_TYPES: _is_event},
    serialization=core_schema.plain_serializer_function_ser_schema(dump),
)

LazyNestedEvent = Annotated[Any, GetPydanticSchema(lambda _source, _handler: _later_schema)]
"""The same in a dataclass, where the field is given a `LazyField()`."""
