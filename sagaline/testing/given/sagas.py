"""Tests of sagas: given a history, when an input arrives, then commands, timers and an end."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any
from uuid import UUID

from sagaline.errors import SignalTooLate
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.timers import SetTimer
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import State
from sagaline.saga.timers import ReminderDue, StepDue, StepTimedOut
from sagaline.testing.drive import drive
from sagaline.testing.given.aggregates import must_be_replayed
from sagaline.testing.given.child_sagas import reply_of
from sagaline.testing.given.happened import (
    ENVELOPE,
    SOMEONE,
    Happened,
    happened,
    owner_of,
)
from sagaline.testing.given.saga_history import (
    TIMER_NAMES,
    HandledInput,
    SagaHistory,
    describe_timer,
)


class GivenSaga(SagaHistory):
    """A saga instance, the inputs that it has handled, and what it recorded for each.

    The production engine handles each input, without store and clock, on an instance rebuilt
    from its events, as after a crash. Instances are immutable: `when` returns a new one, so
    several tests can continue one history.
    """

    def when(self, event: Any, /, **values: Any) -> "GivenSaga":
        """Handles an event: itself, ``happened(...)``, or its class and the fields that matter.

        The kit fills in what is left out: the envelope, and fields that the start event, or a
        command of the step that the event answers, has under the same name.
        """
        return self._received(event, values, None)

    def when_answered(self, step: str, event: Any, /, **values: Any) -> "GivenSaga":
        """Handles an event as the answer to the last command of this step, or of one item.

        For a step that has items, and for one that shares an event class with another:
        ``when_answered("reserve_line[1]", LineReserved)``.
        """
        requests = self._requests(step)
        if not requests:
            raise self._failure([f"a command for {step}"], [])
        return self._received(event, values, requests[-1])

    def _received(
        self, event: Any, values: dict[str, Any], request: Journal.Requested | None
    ) -> "GivenSaga":
        text, received = self._completed(event, values, request)
        meaning = saga_declaration(self._definition).meanings[type(received)]
        is_signal = type(received) in saga_declaration(self._definition).signals.values()
        if meaning is None and not is_signal and not isinstance(received, CommandFaulted):
            raise TypeError(f"{self._definition.__name__} does not handle {text}")
        answers = None if request is None else request.command.id
        return self._handle(text, received, answers)

    def when_ended(
        self, step: str, state: State, *, reason: str = "", result: Any = None
    ) -> "GivenSaga":
        """Handles the end of the saga that is this step, or one item of it: ``book[1]``.

        `result` is what it hands on, as its `@result` returns it.
        """
        child, requests = (
            saga_declaration(self._definition).step_of(step).child,
            self._requests(step),
        )
        if child is None:
            raise TypeError(f"{step} is no saga: write when_answered({step!r}, ...)")
        if not requests:
            raise self._failure([f"a command for {step}"], [])
        told = "".join(each.written(result) for each in saga_declaration(child).results)
        ended = reply_of(self.journal, requests[-1], state, reason, told)
        return self._handle(f"{step} is {state.value}", ended)

    def when_fault(self, step: str, reason: str = "the port failed") -> "GivenSaga":
        """Handles the fault of the last command of this step."""
        requests = self._requests(step)
        if not requests:
            raise self._failure([f"a command for {step}"], [])
        request = requests[-1]
        fault = CommandFaulted.of(request.command, request.attempt, reason)
        return self._handle(f"{step} faults: {reason}", fault)

    def when_time_runs_out(self, step: str) -> "GivenSaga":
        """Fires the timer of a step's time limit (``within``)."""
        return self._fire(StepTimedOut, step)

    def when_pause_ends(self, step: str) -> "GivenSaga":
        """Fires the timer of the next attempt of a step, or of its undo."""
        return self._fire(StepDue, step)

    def when_reminder_is_due(self, reminder: str) -> "GivenSaga":
        """Fires the timer of a reminder, or of that about one item: ``remind_guest[3]``."""
        return self._fire(ReminderDue, reminder)

    def when_operator(self, act: Callable[[Interventions], None]) -> "GivenSaga":
        """Has an operator act: ``when_operator(lambda saga: saga.retry(Operator("Eve")))``."""
        return self._handle("an operator acts", act)

    def _fire(self, kind: type[StepTimedOut | StepDue | ReminderDue], step: str) -> "GivenSaga":
        for timer in self.timers.values():
            if isinstance(timer.command, kind) and timer.command.step == step:
                rest = {name: each for name, each in self.timers.items() if each is not timer}
                fired = GivenSaga(self._definition, self._inputs, rest)
                what = "is due" if kind is ReminderDue else "ends"
                return fired._handle(f"the {TIMER_NAMES[kind]} of {step} {what}", timer.command)
        pending = map(describe_timer, self.timers.values())
        raise self._failure([f"a pending timer: {step} ({TIMER_NAMES[kind]})"], pending)

    def _handle(self, text: str, message: Any, answers: UUID | None = None) -> "GivenSaga":
        starts = not self._inputs and saga_declaration(self._definition).is_start(message)
        journal = None if starts else self.journal
        driven = drive(self._definition, journal, message, None, answers)
        if driven.too_late is not None:
            raise SignalTooLate(
                saga=self._definition.__name__,
                key=driven.journal.key,
                signal=type(message).__name__,
                reason=driven.too_late,
            )
        timers: dict[str, Any] = self.timers | {each.id: each for each in driven.timers}
        pending = {name: each for name, each in timers.items() if isinstance(each, SetTimer)}
        inputs = (*self._inputs, HandledInput(text, driven.events))
        result = GivenSaga(self._definition, inputs, pending)
        must_be_replayed(driven.journal, result.journal)
        return result

    def _completed(
        self, event: Any, values: dict[str, Any], request: Journal.Requested | None
    ) -> tuple[str, Any]:
        """The event as the test wrote it, and the whole event."""
        if isinstance(event, type):
            event = happened(event, **values)
        elif values:
            raise TypeError("fields belong to an event class: when(StockRefused, reason='none')")
        if isinstance(event, Happened):
            return str(event).removesuffix("()"), self._to_event(event, request)
        return type(event).__qualname__, event

    def _to_event(self, event: Happened, request: Journal.Requested | None) -> Any:
        event_class = event.event_class
        own = {each.name: each for each in fields(event_class) if each.name not in ENVELOPE}
        known = {
            name: each for name, each in self._known(event_class, request).items() if name in own
        }
        values = {"originator_id": self._id_for(event_class)} | known | event.fields
        missing = [
            name
            for name, each in own.items()
            if name not in values and each.default is MISSING and each.default_factory is MISSING
        ]
        if missing:
            raise TypeError(f"{event_class.__qualname__} needs its {', '.join(missing)}")
        version = len(self._inputs) + 1
        return Happened(event_class, values).to_event(owner_of(event_class), SOMEONE, version)

    def _known(self, event_class: type[Any], answered: Journal.Requested | None) -> dict[str, Any]:
        """The fields of the start event, and of the commands of the step that an event answers.

        Before the first command of that step: of the last command.
        """
        declaration = saga_declaration(self._definition)
        meaning = declaration.meanings[event_class]
        if not self._inputs or meaning is None or meaning not in declaration.answers:
            return {}
        step = declaration.answers[meaning][0].step
        known = dict(vars(self.journal.start_event))
        requests = [answered] if answered else self._requests(step)
        for request in requests or self._requests()[-1:]:
            known.update((name, value) for name, value in request.command if name != "id")
        return known

    def _id_for(self, event_class: type[Any]) -> Any:
        """The start event's id for an event of the same aggregate class."""
        start = self.journal.start_event if self._inputs else None
        if start is not None and owner_of(event_class) is owner_of(type(start)):
            return getattr(start, "originator_id", SOMEONE)  # a command has none
        return SOMEONE

    def _requests(self, step: str | None = None) -> list[Journal.Requested]:
        """The events that issued commands for this step, or for all steps."""
        issued = [each for each in self.events if isinstance(each, Journal.Requested)]
        return [each for each in issued if step in (None, each.step)]
