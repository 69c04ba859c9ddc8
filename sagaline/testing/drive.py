"""Drives the saga engine without a store: one input in, events, timers and commands out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.application import project_aggregate

from sagaline.messaging.timers import TimerChange
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.requests import commanded
from sagaline.saga.step_timers import Timing
from sagaline.saga.timers import ReminderDue, StepDue, StepTimedOut


@dataclass(frozen=True)
class Driven:
    """What the engine made of one input."""

    journal: Journal
    events: tuple[Any, ...]
    """The events that it recorded in the stream of the instance."""
    timers: tuple[TimerChange, ...]
    too_late: str | None = None
    """Why a signal was not heard."""

    @property
    def commands(self) -> list[Journal.Requested]:
        """The events that issue commands, in order."""
        return [each for each in self.events if isinstance(each, Journal.Requested)]


def drive(
    saga: type[Saga],
    journal: Journal | None,
    message: Any,
    timings: Mapping[str, Timing] | None = None,
    request: UUID | None = None,
) -> Driven:
    """Handles one input of a saga instance with the production engine.

    `message` is the start event (the only input without a journal, and the one that begins the
    next run after the end of one, if the saga has `again`), an answer, the command of a timer
    (`StepTimedOut`, `StepDue`, `ReminderDue`), or a function that intervenes; `request` is the id
    of the command that an answer names. Changes the journal in place and leaves it without pending
    events. Locks are ignored.
    """
    declaration = saga_declaration(saga)
    if journal is None or _begins_next(saga, journal, message):
        run = 1 if journal is None else journal.run + 1
        key = declaration.instance_key(message)
        shape = declaration.fingerprint, declaration.steps
        journal = Journal.start(declaration.name, key, message, *shape, run=run)
        engine = SagaEngine(saga, journal, timings or {})
        engine.start()
        too_late = None
    else:
        engine = Interventions(saga, journal, timings or {})
        too_late = _handle(saga, engine, message, request)
    return Driven(journal, tuple(journal.collect_events()), tuple(engine.timers), too_late)


def _begins_next(saga: type[Saga], journal: Journal, message: Any) -> bool:
    declaration = saga_declaration(saga)
    return declaration.head.again and journal.state.ended and declaration.is_start(message)


def _handle(
    saga: type[Saga], engine: Interventions, message: Any, request: UUID | None
) -> str | None:
    """Handles an input; returns why a signal was not heard."""
    if isinstance(message, StepTimedOut):
        engine.handle_timeout(message.step)
    elif isinstance(message, StepDue):
        engine.handle_pause_end(message.step)
    elif isinstance(message, ReminderDue):
        engine.handle_reminder(message.step, message.number)
    elif isinstance(message, Journal.Replied):
        engine.handle_reply(message)
    elif type(message) in saga_declaration(saga).signals.values():
        return engine.handle_signal(commanded(message))
    elif saga_declaration(saga).is_start(message):
        engine.ignore_start(message)
    elif callable(message):
        message(engine)
    else:
        engine.handle_answer(message, request)
    return None


def replay(events: Iterable[Any]) -> Journal | None:
    """Rebuilds a saga instance from its stream; None from an empty one."""
    journal: Any = project_aggregate(None, events)
    assert journal is None or isinstance(journal, Journal)
    return journal
