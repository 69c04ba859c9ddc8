"""The declared parts of a saga class, sorted by kind."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self
from uuid import UUID

from eventsourcing.utils import construct_topic

from sagaline.codec import unshared
from sagaline.errors import DefinitionError
from sagaline.messaging.by_class import ByClass
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import is_command_class
from sagaline.messaging.keys import required_key
from sagaline.messaging.lazy import refuse_unrun
from sagaline.saga.annotations import may_return_none, returned_commands
from sagaline.saga.children import TakeBackChild
from sagaline.saga.closings import Closing
from sagaline.saga.command_part import CommandByKey, CommandMethod
from sagaline.saga.folds import Fold
from sagaline.saga.head import Head
from sagaline.saga.items import step_name
from sagaline.saga.locking import Locks
from sagaline.saga.others import FromOthers
from sagaline.saga.queries import Query
from sagaline.saga.reminders import Reminder
from sagaline.saga.shape import shape_of_step
from sagaline.saga.steps import Step, Undo


class Meaning(NamedTuple):
    """What an event means as an answer."""

    step: str
    undo: bool
    """It answers the undo of the step."""
    done: bool


Answers = Mapping[type, Sequence[Meaning]]
"""By event class: the steps and undos that it can answer."""


@dataclass(frozen=True)
class Declaration:
    """What the body of a saga class declares, each part in the order of the body."""

    saga: str
    topic: str
    head: Head
    steps: Mapping[str, Step]
    undos: Sequence[Undo]
    closings: Sequence[Closing]
    folds: Mapping[type, Sequence[Fold]]
    locks: Locks | None
    reminders: Sequence[Reminder]
    queries: Mapping[str, Query[Any]]
    versions: dict[str, type[Any]] = field(default_factory=dict)
    """Its former definitions that are loaded, by fingerprint: see `version`."""

    @classmethod
    def of(cls, saga: type[Any], head: Head) -> Self:
        """The declaration in the body of a class, and in its head."""
        parts = list(vars(saga).values())
        folds: dict[type, list[Fold]] = {}
        for fold in (each for each in parts if isinstance(each, Fold)):
            for event in fold.events:
                folds.setdefault(event, []).append(fold)
        return cls(
            saga=saga.__name__,
            topic=construct_topic(saga),
            head=head,
            steps={each.name: each for each in parts if isinstance(each, Step)},
            undos=[each for each in parts if isinstance(each, Undo)],
            closings=[each for each in parts if isinstance(each, Closing)],
            folds=folds,
            locks=next((each for each in parts if isinstance(each, Locks)), None),
            reminders=[each for each in parts if isinstance(each, Reminder)],
            queries={each.name: each for each in parts if isinstance(each, Query)},
        )

    @property
    def name(self) -> str:
        """The name in stores."""
        return self.head.name

    @property
    def starts_on(self) -> type:
        """The class of what starts an instance."""
        return self.head.starts_on

    @property
    def completing(self) -> Closing | None:
        """The first command that is declared for the case that every step is done."""
        return next((each for each in self.closings if each.completed), None)

    @property
    def closing(self) -> Closing | None:
        """The first command that is declared for the case that every effect is undone."""
        return next((each for each in self.closings if not each.completed), None)

    def undos_of_steps(self) -> list[Undo]:
        """The undo of each step that has one."""
        return [each.undoing for each in self.steps.values() if each.undoing is not None]

    @cached_property
    def answers(self) -> Answers:
        """What each event class can answer. Raises DefinitionError where that is not clear."""
        found: dict[type, list[Meaning]] = {}
        for event, answer in self._answers():
            known = found.setdefault(event, [])
            twice = any(each[:2] == answer[:2] for each in known)
            if twice or event is self.starts_on:
                raise self.error(
                    answer.step,
                    f"the event {event.__qualname__} already has another meaning in this saga",
                    "Give each answer an event class of its own.",
                )
            known.append(answer)
        return found

    def reminders_of_steps(self) -> list[Reminder]:
        """The reminders of each step."""
        return [each for step in self.steps.values() for each in step.reminders]

    @cached_property
    def reminders_by_name(self) -> Mapping[str, Reminder]:
        """The reminders of all steps, by their names."""
        return {each.name: each for each in self.reminders_of_steps()}

    def declares(self, name: str) -> bool:
        """Whether there is such a step still, or the one of which it names an item."""
        return step_name(name) in self.steps

    def step_of(self, name: str) -> Step:
        """The step of this name, or the one of which it names an item."""
        return self.steps.get(name) or self.steps[step_name(name)]

    @cached_property
    def signals(self) -> dict[str, type[Command]]:
        """The commands that a running instance hears from callers, by name."""
        heard = (*self.answers, *self.folds)
        return {each.__name__: each for each in heard if is_command_class(each)}

    def stands_in(self, step: Step) -> bool:
        """Whether another step is requested where this one fails."""
        return step in self._replaced

    @cached_property
    def _replaced(self) -> frozenset[Step]:
        replaced = (each.instead_of for each in self.steps.values())
        return frozenset(each for each in replaced if each is not None)

    @cached_property
    def meanings(self) -> ByClass[type]:
        """What events of a class mean: the class that starts the saga, or one that is an answer.

        An event of a subclass means what the nearest class means that it derives from.
        """
        return ByClass({each: each for each in (self.starts_on, *self.answers)})

    @cached_property
    def of_others(self) -> frozenset[type]:
        """The events that a step hears also as answers to another saga: see `from_others`."""
        parts: tuple[Step | Undo, ...] = (*self.steps.values(), *self.undos_of_steps())
        declared = [each for part in parts for each in (part.done, part.refused)]
        waited = [(*each.done, *each.refused) for each in self.steps.values() if each.waits]
        from_others = [each for each in declared if isinstance(each, FromOthers)]
        return frozenset(event for each in (*from_others, *waited) for event in each)

    @cached_property
    def folds_by_class(self) -> ByClass[Sequence[Fold]]:
        """The methods that apply events of a class, or of the nearest class it derives from."""
        return ByClass(self.folds)

    def is_start(self, event: Any) -> bool:
        """Whether an event starts an instance."""
        return self.meanings[type(event)] is self.starts_on

    def instance_key(self, event: Any) -> str:
        """The key of the instance that an event starts, as text.

        Raises `UnfitValue`, and `NeverRun` for a coroutine or a generator.
        """
        where = f"the key of {self.saga} for {type(event).__qualname__}"
        key = self.head.key_of(unshared(event))
        if type(key) is not str and type(key) is not UUID:
            refuse_unrun(where, key)
        return required_key(key, where)

    @cached_property
    def commands(self) -> dict[str, type[Command]]:
        """The class of each command, by the name of the method that makes it."""
        return {name: self._command_of(method) for name, method in self._methods().items()}

    @cached_property
    def conditional(self) -> frozenset[str]:
        """The methods that may return no command."""
        methods = self._methods().items()
        return frozenset(name for name, method in methods if may_make_none(method))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the shape. Times, retries and reminders are not part of it."""
        shape = "\n".join(f"{part}: {text}" for part, text in self.shape.items())
        return hashlib.sha256(shape.encode()).hexdigest()[:16]

    @cached_property
    def shape(self) -> dict[str, str]:
        """The declaration of each part, as text: the start, the steps, their undos, the closings.

        Stores keep it, to compare it with a later declaration.
        """
        commands = {name: construct_topic(each) for name, each in self.commands.items()}
        found = {"start": f"{self.topic} on {construct_topic(self.starts_on)}"}
        for each in self.steps.values():
            found |= shape_of_step(each, commands, each.name in self.conditional)
        for closing in (self.completing, self.closing):
            if closing is not None:
                end = "completed" if closing.completed else "compensated"
                found[f"on {end}"] = f"{closing.name}: {commands[closing.name]}"
        return found

    def error(self, part: str, problem: str, cure: str) -> DefinitionError:
        """An error in one part of the saga class, or in the class itself where none is named."""
        where = f"{self.saga}.{part}" if part else self.saga
        return DefinitionError(where=where, problem=problem, cure=cure)

    def _answers(self) -> Iterator[tuple[type, Meaning]]:
        for each in self.steps.values():
            yield from ((event, Meaning(each.name, False, True)) for event in each.done)
            yield from ((event, Meaning(each.name, False, False)) for event in each.refused)
            if each.undoing is not None:
                yield from ((event, Meaning(each.name, True, True)) for event in each.undoing.done)
                yield from (
                    (event, Meaning(each.name, True, False)) for event in each.undoing.refused
                )

    def _methods(self) -> dict[str, CommandMethod]:
        ends = [each for each in (self.completing, self.closing) if each is not None]
        parts: tuple[Step | Undo | Closing | Reminder, ...] = (
            *(each for each in self.steps.values() if not each.waits),
            *self.undos_of_steps(),
            *ends,
            *self.reminders_of_steps(),
        )
        return {each.name: each.make_command for each in parts}

    def _command_of(self, method: CommandMethod) -> type[Command]:
        name = method.__name__
        if isinstance(method, CommandByKey):
            return self._command_by_key(method)
        if isinstance(method, TakeBackChild):
            return method.command
        found = returned_commands(method, f"{self.saga}.{name}")
        if len(found) > 1:
            problem = "its return annotation names several commands"
            raise self.error(name, problem, "Declare a step for each command.")
        return found[0]

    def _command_by_key(self, method: CommandByKey) -> type[Command]:
        command = method.command
        required = {name for name, field in command.model_fields.items() if field.is_required()}
        if required == {command.key_field}:
            return command
        raise self.error(
            method.__name__,
            f"{command.__name__} cannot be made from the saga's key alone",
            f"Declare a method that returns it, or give {command.__name__} a key and no other "
            "required field.",
        )


def saga_declaration(saga: type[Any]) -> Declaration:
    """What a saga class declares."""
    declared: Declaration = saga._sagaline_declaration
    return declared


def may_make_none(method: CommandMethod) -> bool:
    """Whether a method may return no command."""
    by_class = isinstance(method, CommandByKey | TakeBackChild)
    return not by_class and may_return_none(method)
