"""Topics: the names by which stores know classes.

The framework's own events and commands have fixed topics (``sagaline:SagaStarted``), so that a
store does not depend on where a class stands in the source. Topics of earlier versions are read as
aliases.
"""

from eventsourcing.utils import _topic_cache, construct_topic, register_topic

_former: dict[type, str] = {}
_current: dict[str, str] = {}


def fix_topic(cls: type, topic: str, former: str) -> None:
    """Gives a class of the framework its fixed topic; `former` is the one that it had before."""
    cls.TOPIC = topic  # type: ignore[attr-defined]  # upstream's protocol for a fixed topic
    register_topic(topic, cls)
    register_topic(former, cls)
    keep_former_topic(cls, former)
    _current[former] = topic


def keep_former_topic(cls: type, former: str) -> None:
    """Notes the topic of a class that no row names, but that a fingerprint was derived from."""
    _former[cls] = former


def former_topic(cls: type) -> str:
    """The topic that a class had first: what was derived from it before stays as it is."""
    return _former.get(cls) or construct_topic(cls)


def current_topic(topic: str) -> str:
    """The topic that is written today in place of a former one; any other as it is."""
    return _current.get(topic, topic)


def stored_topics(cls: type) -> frozenset[str]:
    """All topics under which rows of a class may stand in a store.

    These are its own and those that `eventsourcing.utils.register_topic` gives to it, to a class
    around it or to its module.
    """
    own = construct_topic(cls)
    aliases = (_alias(topic, known, cls) for topic, known in list(_topic_cache.items()))
    return frozenset({own}.union(each for each in aliases if each is not None))


def _alias(topic: str, known: object, cls: type) -> str | None:
    """The topic of `cls` that follows from a registered topic of `known`."""
    if known is cls:
        return topic
    if isinstance(known, type) and known.__module__ == cls.__module__:
        inner = cls.__qualname__.removeprefix(f"{known.__qualname__}.")
        found: object = known
        for name in inner.split("."):
            found = vars(found).get(name) if isinstance(found, type) else None
        return f"{topic}.{inner}" if found is cls else None
    if getattr(known, "__name__", None) == cls.__module__ and ":" not in topic:
        return f"{topic}:{cls.__qualname__}"
    return None
