"""Fields of events that hold whole, typed events."""

from typing import Annotated, Any, Final

from eventsourcing.domain import DomainEvent, HasOriginatorIDVersion
from pydantic import GetPydanticSchema
from pydantic_core import core_schema, to_json

from sagaline.codec.checks import PROOF
from sagaline.codec.event_codec import reason_of
from sagaline.codec.immutable import IMMUTABLE
from sagaline.codec.registry import codec_by_topic, codec_for
from sagaline.codec.sharing import unshared
from sagaline.errors import UnknownTopic, Unreadable


def dump(event: Any) -> dict[str, Any]:
    """Writes an event as plain values, for another event's JSON. Raises `NotStorable`."""
    codec = codec_for(type(event))
    return {
        "topic": codec.topic,
        "originator_id": str(event.originator_id),
        "originator_version": event.originator_version,
        "state": codec.tree(event),
    }


def load(data: Any) -> Any:
    """Reads an event that `dump` has written. Raises `ValueError`, and `UnknownTopic`."""
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


def _event(value: Any) -> Any:
    return value if _is_event(value) else load(value)


def _nested_schema(_source: object, _handler: object) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        _event,
        metadata={PROOF: _is_event},
        serialization=core_schema.plain_serializer_function_ser_schema(dump),
    )


NestedEvent = Annotated[Any, GetPydanticSchema(_nested_schema)]
"""The type of a field that holds an event of any class."""


class LazyField:
    """The default of a field of type `LazyNestedEvent`: decodes its event when it is first read.

    Most readers of the outer event never read the inner one, and decoding it takes as long again.
    An inner event that can change is another object in each read, so the outer one stays as it is.
    Reading the field raises `Unreadable` or `UnknownTopic` where the event cannot be read.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            raise AttributeError(self._name)  # which tells a dataclass that there is no default
        value = instance.__dict__[self._name]
        return unshared(value if type(value) is not dict else held_event(instance, self._name))

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = value


def held_event(instance: Any, name: str) -> Any:
    """The event itself that a `LazyField` holds, not a copy: its reader must not change it."""
    value = instance.__dict__[name]
    if type(value) is dict:
        value = instance.__dict__[name] = _read(value)
    return value


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


def _event_or_dumped(value: Any) -> Any:
    return value if _is_event(value) else _dumped(value)


_lazy_schema: Final = core_schema.no_info_plain_validator_function(
    _event_or_dumped,
    metadata={PROOF: _is_event, IMMUTABLE: True},
    serialization=core_schema.plain_serializer_function_ser_schema(dump),
)

LazyNestedEvent = Annotated[Any, GetPydanticSchema(lambda _source, _handler: _lazy_schema)]
"""The same for a dataclass, where the field's default is a `LazyField()`."""
