"""The codecs of all event classes, by class and by topic."""

from sagaline.codec.command_topics import event_class_of
from sagaline.codec.event_codec import Codec
from sagaline.errors import NotStorable, UnknownTopic

_codecs: dict[type, Codec] = {}
_codecs_by_topic: dict[str, Codec] = {}


def codec_for(event_class: type) -> Codec:
    """The codec of an event class. Raises `NotStorable`."""
    try:
        return _codecs[event_class]
    except KeyError:
        return _codecs.setdefault(event_class, Codec(event_class))


def shape_of(topic: str) -> str:
    """The class version and the fields of the event class of a topic; empty for an unknown one."""
    try:
        return codec_by_topic(topic).shape
    except (NotStorable, UnknownTopic):
        return ""


def codec_by_topic(topic: str) -> Codec:
    """The codec of the event class that has this topic. Raises `UnknownTopic`, `NotStorable`."""
    try:
        return _codecs_by_topic[topic]
    except KeyError:
        return _codecs_by_topic.setdefault(topic, codec_for(event_class_of(topic)))
