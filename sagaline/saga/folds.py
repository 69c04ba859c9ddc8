"""Methods of a saga that apply events to its state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sagaline.messaging.declaring import refuse_no_events, refuse_no_method
from sagaline.messaging.namespace import SagaPart

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Fold(SagaPart):
    """A method that applies an event to the state of the saga object."""

    name: str
    events: tuple[type, ...]
    apply: Callable[[Any, Any], Any]


def hears(*events: type) -> Callable[[F], Fold]:
    """Declares a method that applies events to the state of the saga: to attributes of `self`.

    It is called for each such event that had an effect, in the order of receipt, before a command
    is made. The state is not stored but derived from the events, so the method must be pure. Give
    each attribute its initial value in the class body.

    A command class is a signal: what a caller tells a running instance at any time, by
    `Runner.signal`. One that comes after the end is refused.
    """
    refuse_no_events(events or (None,), "@hears", "Write @hears(Order.Paid).", or_signals=True)

    def declare(apply: F) -> Fold:
        refuse_no_method(apply, "self", "event")
        return Fold(apply.__name__, events, apply)

    return declare
