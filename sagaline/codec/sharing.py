"""Which objects several readers may share: those that none of them can change."""

from copy import deepcopy
from typing import TypeVar

from eventsourcing.domain import DomainEvent, HasOriginatorIDVersion
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from sagaline.codec.immutable import is_immutable
from sagaline.codec.registry import codec_by_topic, codec_for
from sagaline.errors import NotStorable, UnknownTopic

T = TypeVar("T")


class _Shareable(dict[type, bool]):
    """Class -> whether its objects are immutable: a lookup, because every event passes here."""

    def __missing__(self, cls: type) -> bool:
        found = self[cls] = is_shareable(cls)
        return found


class _ShareableTopics(dict[str, bool]):
    """Topic -> whether its events are immutable; not where it has no loaded class."""

    def __missing__(self, topic: str) -> bool:
        try:
            found = self[topic] = codec_by_topic(topic).is_immutable
        except (NotStorable, UnknownTopic):
            return False
        return found


_shareable = _Shareable()
shareable_topics = _ShareableTopics()


def unshared(value: T) -> T:
    """The value, or a copy where it can change: what its reader does to it, no other one sees."""
    return value if _shareable[type(value)] else deepcopy(value)


def is_shareable(cls: type) -> bool:
    """Whether objects of a class are immutable throughout."""
    try:
        if issubclass(cls, DomainEvent | HasOriginatorIDVersion):
            return codec_for(cls).is_immutable
        return is_immutable(TypeAdapter(cls).core_schema)  # type: ignore[arg-type]  # a dict
    except (NotStorable, PydanticUserError, NameError):
        return False
