"""Resolves topics to classes that are loaded already, and never imports a module."""

import sys
from collections.abc import Iterable
from inspect import getattr_static
from types import ModuleType
from typing import Final

from eventsourcing.domain import BaseAggregate, DomainEvent, HasOriginatorIDVersion
from eventsourcing.utils import _topic_cache, register_topic

from sagaline.errors import UnknownTopic
from sagaline.messaging.commands import Command

_KINDS: Final = (DomainEvent, HasOriginatorIDVersion, BaseAggregate, Command)
_loaded: dict[str, type] = {}
_aggregates: set[str] = set()


def loaded_class(topic: str) -> type:
    """The loaded event, aggregate, snapshot or command class of a topic.

    No module is imported, because a topic comes from a row, and a row must not choose which code
    runs. A renamed class is found by its former topic after
    `eventsourcing.utils.register_topic`. Raises `UnknownTopic`.
    """
    loaded = _loaded.get(topic)
    if loaded is None or _topic_cache.get(topic, loaded) is not loaded:
        loaded = _loaded[topic] = _find(topic)
    return loaded


def unknown_topics(topics: Iterable[str]) -> list[str]:
    """The topics among these that have no loaded class."""
    return [each for each in topics if not _is_known(each)]


def _is_known(topic: str) -> bool:
    try:
        loaded_class(topic)
    except UnknownTopic:
        return False
    return True


def _find(topic: str) -> type:
    given: object = topic
    if not isinstance(given, str):  # SQLite holds any value in any column
        raise UnknownTopic(topic=given)
    module, _, path = given.partition(":")
    names = path.split(".") if path else []
    for length in range(len(names), -1, -1):
        start = f"{module}:{'.'.join(names[:length])}" if length else module
        if start in _topic_cache:
            found = _inside(_topic_cache[start], names[length:])
            break
    else:
        found = _inside(_module(module), names)
    if isinstance(found, type) and issubclass(found, _KINDS):
        return found
    raise UnknownTopic(topic=topic)


def _module(name: str) -> ModuleType | None:
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        renamed = _topic_cache.get(".".join(parts[:length]))
        if isinstance(renamed, ModuleType):
            return sys.modules.get(".".join([renamed.__name__, *parts[length:]]))
    return sys.modules.get(name)


def _inside(found: object, names: list[str]) -> object:
    for name in names:
        if not isinstance(found, type | ModuleType):
            return None
        # Statically, because the __getattr__ of a module may import others.
        found = getattr_static(found, name, None)
    return found


def check_aggregate(topic: str) -> None:
    """Registers an aggregate's topic, because upstream imports the module of an unknown topic."""
    if topic not in _aggregates:
        found = loaded_class(topic)
        if not issubclass(found, BaseAggregate):
            raise UnknownTopic(topic=topic)
        register_topic(topic, found)
        _aggregates.add(topic)
