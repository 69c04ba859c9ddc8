"""The topics that a follower handles: all that resolve to one of its event classes."""

from collections.abc import Iterable

from typing_extensions import override

from sagaline.codec.command_topics import event_class_of
from sagaline.errors import UnknownTopic


class WantedTopics(dict[str, bool]):
    """Topic -> whether it is that of one of these event classes, or of a subclass of one.

    A topic is resolved when it is first asked for. So the topics of classes that were renamed or
    moved are among them, however they are found now, and those of subclasses that are defined
    later. A topic without a loaded class is not wanted, until its class is loaded.
    """

    def __init__(self, classes: Iterable[type]) -> None:
        super().__init__()
        self.classes = frozenset(classes)

    def __missing__(self, topic: str) -> bool:
        try:
            found = event_class_of(topic)
        except UnknownTopic:
            return False
        wanted = self[topic] = issubclass(found, tuple(self.classes))
        return wanted

    @override
    def __contains__(self, topic: object) -> bool:
        return isinstance(topic, str) and self[topic]

    @property
    def others(self) -> list[str]:
        """The topics that were asked for and are not wanted: a query can leave them out."""
        return [topic for topic, wanted in self.items() if not wanted]


def united(topics: Iterable[WantedTopics | None]) -> WantedTopics | None:
    """All of these topics; None stands for all there are."""
    classes: set[type] = set()
    for each in topics:
        if each is None:
            return None
        classes |= each.classes
    return WantedTopics(classes)
