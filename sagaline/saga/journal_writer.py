"""Records the decisions of the engine in the journal, each with the answer that led to it."""

from typing import Any

from sagaline.errors import DefinitionError, NoCommand
from sagaline.messaging.commands import Command
from sagaline.messaging.lazy import refuse_unrun
from sagaline.saga.command_part import CommandMethod
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.items import item_index
from sagaline.saga.requests import request_class
from sagaline.saga.runs import command_id
from sagaline.saga.state import Answer, Role, State
from sagaline.saga.steps import Step


class JournalWriter:
    """Writes the events of one saga instance.

    An answer is applied to the state before the event that it leads to is known; the writer keeps
    it and puts it into the next event.
    """

    def __init__(self, saga: type[Saga], journal: Journal) -> None:
        self._saga = saga
        self._journal = journal
        self._applied: Answer | None = None
        self._items: dict[str, tuple[Any, ...]] = {}
        """The items of steps, by name: they are the same throughout one input."""

    def apply(self, answer: Answer) -> None:
        """Applies an answer to the state now; the next recorded event holds it."""
        self.note_applied()
        self._applied = answer
        self._journal.apply_answer(answer)

    def note_applied(self) -> None:
        """Records the applied answer, if there is one, by itself: it led to no other event."""
        answer, self._applied = self._applied, None
        if answer is not None:
            self.note(answer, heeded=True)

    def note(self, answer: Answer, *, heeded: bool) -> None:
        """Records an answer that leads to no command now; `heeded` says whether it counts."""
        self._journal.trigger_event(Journal.Noted, answer=answer, heeded=heeded)

    def record(self, event_class: type[Any], **facts: Any) -> None:
        """Records an event with the applied answer; a parked instance resumes before it."""
        answer, self._applied = self._applied, None
        journal = self._journal
        if journal.state is State.PARKED and event_class not in (Journal.Parked, Journal.Ended):
            state = State.COMPENSATING if journal.compensating else State.RUNNING
            journal.trigger_event(
                Journal.Resumed, state=state, reason=journal.reason, answer=answer
            )
            answer = None
        journal.trigger_event(event_class, answer=answer, **facts)

    def item_named(self, name: str, step: Step) -> tuple[Any, ...]:
        """The item of a step that a name names, as an argument; empty where it names none."""
        index = item_index(name)
        return () if index is None else (self.items(step)[index],)

    def items(self, step: Step) -> tuple[Any, ...]:
        """The items of a step that has some. Raises DefinitionError where they have changed."""
        if step.name not in self._items:
            self._items[step.name] = self._read_items(step)
        return self._items[step.name]

    def _read_items(self, step: Step) -> tuple[Any, ...]:
        assert step.fan_out is not None
        where = f"{self._saga.__name__}.{step.name}"
        found = step.fan_out.items(self._saga(self._journal))
        refuse_unrun(where, found, may_yield=True)
        items = tuple(found)
        group = self._journal.groups.get(step.name)
        if group is not None and group.items != len(items):
            raise DefinitionError(
                where=where,
                problem=f"it had {group.items} items, and has {len(items)} now",
                cure="Take the items from the event that starts the saga, or from earlier answers.",
            )
        return items

    def issue(self, name: str, make: CommandMethod, role: Role, attempt: int, *items: Any) -> bool:
        """Records the command that the method makes; returns whether it made one.

        A request has the same command id in every attempt: it is the idempotency key. Raises
        NoCommand where the method must make a command and makes none, and NeverRun where it returns
        a coroutine or a generator.
        """
        made: Any = make(self._saga(self._journal), *items)
        if not hasattr(made, "model_copy"):
            where = f"{self._saga.__name__}.{make.__name__}"
            refuse_unrun(where, made)
            conditional = make.__name__ in saga_declaration(self._saga).conditional
            again = attempt > 1 and role is not Role.REMIND
            if made is not None or again or not conditional:
                raise NoCommand(where=where)
            return False
        self._check_class(make, made)
        id_ = command_id(self._journal.id, self._journal.run, f"{name}:{role.value}")
        command: Command = made.model_copy(update={"id": id_})
        event_class = request_class(type(command))
        self.record(event_class, step=name, role=role, attempt=attempt, command=command)
        return True

    def _check_class(self, make: CommandMethod, made: Any) -> None:
        """Raises DefinitionError for a command of another class: no pipe leads to its handler."""
        wanted = saga_declaration(self._saga).commands[make.__name__]
        if type(made) is not wanted:
            raise DefinitionError(
                where=f"{self._saga.__name__}.{make.__name__}",
                problem=f"it returned {type(made).__name__}",
                cure=f"Return {wanted.__name__}, which its annotation names.",
            )
