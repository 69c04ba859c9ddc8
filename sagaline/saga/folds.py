"""Methods of a saga that apply events to its state."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_misfit, refuse_no_events, refuse_no_method
from sagaline.messaging.namespace import SagaPart

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Fold(SagaPart):
    """A method that applies an event to the state of the saga object."""

    name: str
    events: tuple[type, ...]
    apply: Callable[[Any, Any], Any]
    key_of: Callable[[Any], Any] | None = None
    """From an event from outside to the key of the instance; None for the key of its envelope."""


def hears(*events: type, key: Callable[[Any], Any] | None = None) -> Callable[[F], Fold]:
    """Declares a method that applies events to the state of the saga: to attributes of `self`.

    It is called for each such event that had an effect, in the order of receipt, before a command
    is made. The state is not stored but derived from the events, so the method must be pure. Give
    each attribute its initial value in the class body.

    A command class is a signal: what a caller tells a running instance at any time, by
    `Runner.signal`. One that comes after the end is refused.

    An event that neither starts the saga nor answers a step is one from outside: a running
    instance hears it from any application, whatever has led to it. One that comes before the start
    is kept, and one after the end is recorded and ignored. It is for the instance of its own key,
    or of the one that `key` finds in it: ``key=lambda event: event.order_id``.
    """
    refuse_no_events(events or (None,), "@hears", "Write @hears(Order.Paid).", or_signals=True)

    if key is not None:
        given: object = key
        if not callable(given):
            cure = "Write key=lambda event: event.order_id, or name a plain function."
            problem = f"{named(key)} is no function"
            raise DefinitionError(where="@hears: key=", problem=problem, cure=cure)
        refuse_misfit(key, "@hears: key=", "event")

    def declare(apply: F) -> Fold:
        refuse_no_method(apply, "self", "event")
        return Fold(apply.__name__, events, apply, key)

    return declare


def events_from_outside(
    folds: Mapping[type, Sequence[Fold]], known: Iterable[type]
) -> Mapping[type, Sequence[Fold]]:
    """The methods that hear events which neither start a saga nor answer a step.

    An event class that one of those derives from, or the reverse, is none of them.
    """
    known = (*known, Command)
    return {
        event: found
        for event, found in folds.items()
        if not any(issubclass(event, each) or issubclass(each, event) for each in known)
    }
