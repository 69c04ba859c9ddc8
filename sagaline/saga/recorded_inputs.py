"""Gives the engine an input again, as the journal of an instance has recorded it."""

from collections.abc import Sequence
from typing import Any, Final

from sagaline.codec import held_event
from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.children import Call
from sagaline.saga.commanded import heard_in
from sagaline.saga.declaration import Declaration
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions, Operator
from sagaline.saga.others import OF_ANOTHER
from sagaline.saga.reminders import unnumbered
from sagaline.saga.runs import command_id
from sagaline.saga.state import Action, Answer, Role

_OF_OPERATORS: Final = (Action.RETRY, Action.SKIP, Action.CANCEL, Action.ABANDON)
"""The actions that the engine carries out; others change what is outside of the instance."""

_BEFORE: Final = (
    Journal.Noted,
    Journal.Ignored,
    Journal.Signalled,
    Journal.Intervened,
    Journal.Called,
    Journal.Refused,
)
"""What an instance that waits for its locks records before it starts."""


class RecordedInputs:
    """The inputs of one instance, given to its engine."""

    def __init__(self, engine: Interventions, declaration: Declaration, journal: Journal) -> None:
        self._engine = engine
        self._declaration = declaration
        self._journal = journal

    def give(self, events: Sequence[Any]) -> bool:
        """Gives the input that led to the first of these events, of which the second may tell more.

        Returns whether there was one that the engine decides on.
        """
        event = events[0]
        answer: Answer | None = getattr(event, "answer", None)
        if self._waits_for_locks() and not isinstance(event, _BEFORE):
            self._engine.start()
        elif answer is not None:
            self._answer(answer)
        elif isinstance(event, Journal.Intervened):
            return self._intervene(event)
        elif isinstance(event, Journal.Called):
            self._call(event)
        elif isinstance(event, Journal.Signalled):
            self._engine.handle_signal(held_event(event, "event"))
        elif isinstance(event, Journal.Ignored):
            return self._ignore(event)
        elif isinstance(event, Journal.Refused):
            self._engine.refuse_start(event.reason)
        else:
            self._repeat(events)
        return True

    def _waits_for_locks(self) -> bool:
        journal = self._journal
        return bool(journal.locks) and not (journal.steps or journal.compensating)

    def _answer(self, answer: Answer) -> None:
        """An event of a participant, of a child or of a caller, or else the end of a time limit."""
        event = held_event(answer, "event")
        if event is None:
            self._engine.handle_timeout(answer.step)
        elif isinstance(event, Journal.Replied):
            if event.request in self._journal.requests:
                self._engine.handle_reply(event)
        elif isinstance(event, Journal.Requested):
            self._engine.handle_signal(event)
        elif not isinstance(event, CommandFaulted) or event.command_id in self._journal.requests:
            role = Role.UNDO if answer.undo else Role.DO
            request = f"{answer.step}:{role.value}"
            id_ = command_id(self._journal.id, self._journal.run, request)
            self._engine.handle_answer(event, id_)

    def _intervene(self, event: Journal.Intervened) -> bool:
        by = Operator(event.by, event.reason)
        if event.action is Action.RETRY:
            self._engine.retry(by)
        elif event.action is Action.SKIP:
            self._engine.skip(event.step, by)
        elif event.action is Action.CANCEL:
            self._engine.cancel(by)
        elif event.action is Action.ABANDON:
            self._engine.abandon(by)
        return event.action in _OF_OPERATORS

    def _call(self, event: Journal.Called) -> None:
        call = Call(event.saga, event.key, event.request, event.take_back)
        if call.take_back:
            self._engine.take_back(call)
        else:
            self._engine.refuse_call(call)

    def _ignore(self, event: Journal.Ignored) -> bool:
        """An event that had no effect; an answer to another saga's command cannot have one now."""
        if self._declaration.is_start(heard_in(event.event)):
            self._engine.ignore_start(event.event)
        elif OF_ANOTHER in event.reason:
            return False
        else:
            self._engine.handle_answer(event.event)
        return True

    def _repeat(self, events: Sequence[Any]) -> None:
        """What a timer has led to: a reminder, a further attempt, or one after a time limit."""
        requested = next((each for each in events if isinstance(each, Journal.Requested)), None)
        name = getattr(requested or events[0], "step", "")
        progress = self._journal.steps.get(name)
        if requested is not None and requested.role is Role.REMIND and requested.attempt == 1:
            self._engine.handle_reminder(*unnumbered(name))
        elif requested is not None and (progress is None or progress.pausing):
            self._engine.handle_pause_end(name)
        elif progress is not None:
            self._engine.handle_timeout(name)
