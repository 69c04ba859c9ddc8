"""Topics: the names of classes in stores.

The framework's own events and commands have fixed topics (``sagaline:SagaStarted``), so that no
store depends on the module of a class. Topics of earlier versions are read as aliases.
"""

from eventsourcing.utils import _topic_cache, construct_topic, register_topic

_former: dict[type, str] = {}
_current: dict[str, str] = {}


def fix_topic(cls: type, topic: str, former: str | None = None) -> None:
    """Sets the fixed topic of a class of the framework; `former` is its topic in version 0.1.0."""
    cls.TOPIC = topic  # type: ignore[attr-defined]  # upstream's protocol for a fixed topic
    register_topic(topic, cls)
    if former is None:
        return
    register_topic(former, cls)
    keep_former_topic(cls, former)
    _current[former] = topic


def keep_former_topic(cls: type, former: str) -> None:
    """Keeps the former topic of a class for fingerprints; no row has this topic."""
    _former[cls] = former


def former_topic(cls: type) -> str:
    """The first topic of a class, so that a fingerprint that contains it stays the same."""
    return _former.get(cls) or construct_topic(cls)


def current_topic(topic: str) -> str:
    """The topic that replaces a former one; any other topic unchanged."""
    return _current.get(topic, topic)


def stored_topics(cls: type) -> frozenset[str]:
    """The topics that rows of a class of the framework have: its own, and former ones."""
    registered = {topic for topic, known in list(_topic_cache.items()) if known is cls}
    return frozenset({construct_topic(cls), *registered})
