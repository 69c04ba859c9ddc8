"""The base class of sagas: steps in the order of their execution, each with its undo.

A definition is pure: it makes commands from the events of an instance. It uses no storage, no
clock and no transport, so a test of a saga calls it directly.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from eventsourcing.utils import construct_topic

from sagaline.messaging.commands import Command
from sagaline.saga.declaration import Answers, Declaration
from sagaline.saga.instance import Journal
from sagaline.saga.steps import (
    COMPENSATABLE,
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Closing,
    Fold,
    Kind,
    Locks,
    Step,
    Undo,
    hears,
    locks,
    on_compensated,
    on_completed,
    step,
)
from sagaline.saga.validation import validate

E = TypeVar("E")


class Saga:
    """A business transaction over several services, which ends either completed or compensated.

    Subclass it with the event that starts it and a function from that event to the key of the
    business transaction. Inside a step, `self[Event]` is an event that the saga has received,
    `self.key` its key, and `self.reason` why it compensates.

    Raises `DefinitionError` when the class is defined, with the step and the cure, where the
    declaration could not end well: a missing undo, two pivots, a step after the pivot that could
    be refused.
    """

    starts_on: ClassVar[type]
    key_of: ClassVar[Callable[[Any], Any]]
    steps: ClassVar[Mapping[str, Step]]
    closing: ClassVar[Closing | None]
    """The command that is issued when every effect has been undone."""
    completing: ClassVar[Closing | None]
    """The command that is issued when every step is done."""
    conditional: ClassVar[frozenset[str]]
    """The methods that may return no command."""
    folds: ClassVar[Mapping[type, Sequence[Fold]]]
    locks: ClassVar[Locks | None]
    answers: ClassVar[Answers]
    """Event class -> the step that it answers, whether it answers the undo, whether it is done."""
    _commands: ClassVar[Mapping[str, type[Command]]]
    _fingerprint: ClassVar[str]

    def __init_subclass__(cls, *, starts_on: type, key: Callable[[Any], Any]) -> None:
        super().__init_subclass__()
        declaration = Declaration.of(cls.__name__, starts_on, vars(cls))
        validate(declaration)
        cls.starts_on = starts_on
        cls.key_of = staticmethod(key)
        cls.steps = declaration.steps
        cls.closing, cls.completing = declaration.closing, declaration.completing
        cls.folds, cls.locks = declaration.folds, declaration.locks
        cls.answers, cls.conditional = declaration.answers(), declaration.conditional()
        cls._commands = declaration.commands()
        shape = "\n".join(f"{part}: {text}" for part, text in cls.shape().items())
        cls._fingerprint = hashlib.sha256(shape.encode()).hexdigest()[:16]

    def __init__(self, instance: Journal) -> None:
        self._instance = instance
        if self.folds:
            for event in instance.history:
                for fold in self.folds.get(type(event), ()):
                    fold.apply(self, event)

    @property
    def key(self) -> Any:
        """The key of the business transaction, as the key function returned it."""
        return type(self).key_of(self._instance.received[self.starts_on])

    @property
    def reason(self) -> str:
        """Why the saga compensates; empty while it goes forward."""
        return self._instance.reason

    def __getitem__(self, event: type[E]) -> E:
        """The last event of that class that the saga has received.

        Raises KeyError where there is none: a step can read only what comes before it.
        """
        received: E = self._instance.received[event]
        return received

    def __contains__(self, event: type) -> bool:
        return event in self._instance.received

    @classmethod
    def fingerprint(cls) -> str:
        """A hash of the definition's shape. Timeouts and retries are not part of it."""
        return cls._fingerprint

    @classmethod
    def shape(cls) -> dict[str, str]:
        """The declaration of each part, as text: the start, the steps, their undos, the closings.

        Stores keep it, to compare it with a later definition.
        """
        commands = {name: construct_topic(each) for name, each in cls._commands.items()}
        found = {"start": f"{construct_topic(cls)} on {construct_topic(cls.starts_on)}"}
        for each in cls.steps.values():
            may = " or nothing" if each.name in cls.conditional else ""
            answers = _topics(each.done, each.refused)
            found[each.name] = f"{each.kind.value}: {commands[each.name]}{may}, {answers}"
            found[f"order of {each.name}"] = ", ".join(each.after)
            if each.undoing is not None:
                undo = each.undoing
                answers = _topics(undo.done, undo.refused)
                found[f"undo of {each.name}"] = f"{undo.name}: {commands[undo.name]}, {answers}"
        for closing in (cls.completing, cls.closing):
            if closing is not None:
                end = "completed" if closing.completed else "compensated"
                found[f"on {end}"] = f"{closing.name}: {commands[closing.name]}"
        return found

    @classmethod
    def commands(cls) -> Mapping[str, type[Command]]:
        """The class of each command that the saga issues, by the name of the method."""
        return cls._commands


def _topics(*classes: tuple[type, ...]) -> str:
    return " | ".join(",".join(construct_topic(each) for each in group) for group in classes)


__all__ = [
    "COMPENSATABLE",
    "NO_EFFECT",
    "PIVOT",
    "RETRIABLE",
    "Closing",
    "Kind",
    "Saga",
    "Step",
    "Undo",
    "hears",
    "locks",
    "on_compensated",
    "on_completed",
    "step",
]
