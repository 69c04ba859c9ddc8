"""Events that stand for a command: for one that a saga gives, and for one that a caller gives."""

from typing import Any


class OfCommand:
    """An event that holds a command, in its field `command`."""


def heard_in(event: Any) -> Any:
    """What a saga hears in an event: the event itself, or the command that it holds."""
    return getattr(event, "command", event) if isinstance(event, OfCommand) else event
