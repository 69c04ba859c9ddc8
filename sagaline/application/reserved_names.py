"""The names of `Application` that a user's subclass may define, and those that it may not."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sagaline.application.handlers import Handler
from sagaline.application.reactions import Reaction
from sagaline.errors import DefinitionError
from sagaline.messaging.namespace import Hook, method
from sagaline.messaging.retry import Retry


def _value(kind: type | tuple[type, ...], words: str, example: str) -> Hook:
    return Hook(words, lambda value: isinstance(value, kind), example)


def _construct(name: str, *parameters: str) -> Hook:
    arguments = ", ".join(["self", *parameters])
    return method(*parameters, example=f"def {name}({arguments})")


def _followed() -> Hook:
    """What the library's own runners use to follow; the library sets some, without a value."""
    example = "a method marked @reacts_to(Order.Placed), which returns a command"
    return Hook("used by a runner of Sagaline", lambda value: value in ((), []), example)


HOOKS: Final[Mapping[str, Hook]] = {
    "aggregates": _value((list, tuple), "a list of aggregate classes", "aggregates = [Order]"),
    "close": method(example="def close(self)"),
    "env": _value(Mapping, "a mapping of settings", 'env = {"CIPHER_TOPIC": "..."}'),
    "faulted": method(
        "command", "reason", example="def faulted(self, command, reason)", may_yield=True
    ),
    "follow_topics": _followed(),
    "is_snapshotting_enabled": _value(bool, "true or false", "is_snapshotting_enabled = True"),
    "log_section_size": _value(int, "a number", "log_section_size = 10"),
    "name": _value(str, "a text", 'name = "Orders"'),
    "notify_topics": _value(Sequence, "a list of topics", "notify_topics = []"),
    "policy": _followed(),
    "process_event": _followed(),
    "pull_and_process": _followed(),
    "pull_section_size": _value(int, "a number", "pull_section_size = 10"),
    "register_transcodings": _construct("register_transcodings", "transcoder"),
    "retry": _value(Retry, "a Retry", "retry = Retry(attempts=5)"),
    "save": method("aggregate", example="def save(self, *aggregates, **kwargs)"),
    "snapshot_class": _value(type, "a class", "snapshot_class = Snapshot"),
    "snapshotting_intervals": _value(
        Mapping,
        "a mapping of aggregate classes to numbers",
        "snapshotting_intervals = {Stock: 200}",
    ),
    "snapshotting_projectors": _value(
        Mapping, "a mapping of aggregate classes to functions", "snapshotting_projectors = {}"
    ),
    "topics": _followed(),
    "construct_env": _construct("construct_env", "name", "env"),
    "construct_event_store": _construct("construct_event_store"),
    "construct_factory": _construct("construct_factory", "env"),
    "construct_mapper": _construct("construct_mapper"),
    "construct_recorder": _construct("construct_recorder"),
    "construct_transcoder": _construct("construct_transcoder"),
}
"""What a subclass may define: the settings of this class, and the hooks of the library."""

_ASSIGNED_ONCE: Final = frozenset(
    {
        "_sagaline",
        "closing",
        "events",
        "factory",
        "followers",
        "mapper",
        "mappers",
        "readers",
        "recorder",
    }
)


def refuse_marked_hooks(cls: type) -> None:
    """Refuses a handler or a reaction under the name of a hook. Raises DefinitionError."""
    for name, value in vars(cls).items():
        if name in HOOKS and isinstance(value, Handler | Reaction):
            raise DefinitionError(
                where=f"{cls.__name__}.{name}",
                problem=f"Application has a {name} of its own",
                cure="Rename it.",
            )


def refuse_second_name(cls: type, name: str) -> None:
    """Refuses a class with two names, one in its head. Raises DefinitionError."""
    if vars(cls).get("name", name) != name:
        raise DefinitionError(
            where=cls.__name__,
            problem=f"its name is {name!r}, and {vars(cls)['name']!r} in its body",
            cure="Keep one.",
        )


def refuse_replaced(application: Any, name: str) -> None:
    """Refuses to replace an attribute that the constructor of `Application` has assigned.

    Raises DefinitionError.
    """
    if name in _ASSIGNED_ONCE and name in vars(application):
        raise DefinitionError(
            where=f"{type(application).__name__}.{name}",
            problem=f"it is assigned, and Application has a {name} of its own",
            cure="Rename the attribute.",
        )
