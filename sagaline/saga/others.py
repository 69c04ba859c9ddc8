"""What a saga hears of others: events that answer nothing that it has asked itself."""

from typing import Any, Final

from sagaline.messaging.declaring import refuse_no_events

OF_ANOTHER: Final = "it answers another saga's command"
"""Why a saga ignores an event that would answer a step, as its journal records it."""


class FromOthers(tuple[type, ...]):
    """Event classes that a step hears also where they answer another saga's command."""

    __slots__ = ()


def from_others(*events: type) -> Any:
    """Declares that a step also hears these events where they answer another saga's command.

    ``done=from_others(Payment.Captured)``. Without it a step hears what answers its own saga's
    commands, and what answers none: two sagas of one key do not take each other's answers.
    """
    refuse_no_events(events or (None,), "from_others", "Write done=from_others(Order.Paid).")
    return FromOthers(events)
