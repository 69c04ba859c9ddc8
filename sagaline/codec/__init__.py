"""Events as plain typed JSON that round-trips: an event that would be read unequal is refused.

Pydantic writes and reads an event by the annotations of its class, so the state in the store is
JSON that any tool can read. Pydantic's serializer is lenient: it writes a list where a tuple is
annotated, or a subclass without its own fields, and the event that is read is not equal. Here an
event is written only when it round-trips. For most classes that is proven once from their schema,
and an event costs a few type checks; events of other classes are read back and compared each time.
"""

from sagaline.codec.event_codec import MAX_STATE, reason_of
from sagaline.codec.mapper import TypedMapper
from sagaline.codec.nested_events import LazyField, LazyNestedEvent, NestedEvent, dump, load
from sagaline.codec.registry import codec_for, shape_of
from sagaline.codec.snapshots import type_snapshots
from sagaline.codec.topics import loaded_class, unknown_topics

__all__ = (
    "MAX_STATE",
    "LazyField",
    "LazyNestedEvent",
    "NestedEvent",
    "TypedMapper",
    "codec_for",
    "dump",
    "load",
    "loaded_class",
    "reason_of",
    "shape_of",
    "type_snapshots",
    "unknown_topics",
)
