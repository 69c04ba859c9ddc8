"""What handlers give to be saved: aggregates and events."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.domain import DomainEvent

from sagaline.errors import NotStorable
from sagaline.messaging.lazy import refuse_unrun


def is_savable(given: Any) -> bool:
    """Whether it is an aggregate or an event."""
    if hasattr(given, "collect_events"):
        return not isinstance(given, type)
    return isinstance(given, DomainEvent)


def refuse_unsavable(given: Sequence[Any], where: str) -> None:
    """Raises NotStorable for what is neither, and NeverRun for a coroutine or a generator."""
    refuse_unrun(where, *given)
    for each in given:
        if not is_savable(each):
            reason = f"{where} gave it, and it is neither an aggregate nor an event"
            raise NotStorable(event=type(each).__name__, reason=reason)
