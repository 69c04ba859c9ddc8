"""Events as plain typed JSON that round-trips: an event that would be read unequal is refused.

Pydantic writes and reads an event by the annotations of its class, so the state in the store is
JSON that any tool can read. Pydantic's serializer is lenient: it writes a list where a tuple is
annotated, or a subclass without its own fields, and the event that is read is not equal. Here an
event is written only when it round-trips. For most classes that is proven once from their schema,
and an event costs a few type checks; events of other classes are read back and compared each time.
"""

from sagaline.codec.command_topics import command_class, event_class_of, record_as
from sagaline.codec.event_codec import MAX_STATE, reason_of
from sagaline.codec.mapper import TypedMapper, typed_mapper
from sagaline.codec.nested_events import (
    LazyField,
    LazyNestedEvent,
    NestedEvent,
    dump,
    held_event,
    load,
)
from sagaline.codec.registry import codec_for, shape_of
from sagaline.codec.returned_values import plain_value, returned_value
from sagaline.codec.sharing import is_shareable, shareable_topics, unshared
from sagaline.codec.snapshots import type_snapshots
from sagaline.codec.topics import loaded_class, unknown_topics
from sagaline.codec.wanted_topics import WantedTopics, united

__all__ = (
    "MAX_STATE",
    "LazyField",
    "LazyNestedEvent",
    "NestedEvent",
    "TypedMapper",
    "WantedTopics",
    "codec_for",
    "command_class",
    "dump",
    "event_class_of",
    "held_event",
    "is_shareable",
    "load",
    "loaded_class",
    "plain_value",
    "reason_of",
    "record_as",
    "returned_value",
    "shape_of",
    "shareable_topics",
    "type_snapshots",
    "typed_mapper",
    "united",
    "unknown_topics",
    "unshared",
)
