"""Describes the events of a saga's stream in words, one line for each fact."""

from collections.abc import Iterator
from typing import Any

from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.commanded import heard_in
from sagaline.saga.instance import Journal
from sagaline.saga.state import Action, Answer, Outcome, Role, State
from sagaline.saga.timers import ReminderDue, StepDue, StepTimedOut


def describe(event: Any) -> Iterator[str]:
    """Describes one event of a saga's log: the input, and indented below it the effects."""
    answer: Answer | None = getattr(event, "answer", None)
    if isinstance(event, Journal.Started | Journal.Begun | Journal.Ignored | Journal.Signalled):
        yield describe_input(heard_in(event.event))
    elif answer is not None and answer.event is not None:
        yield f"{describe_input(heard_in(answer.event))}{_because(answer)}"
    elif answer is not None and answer.reason.startswith(f"{answer.step}: no answer"):
        yield f"the time limit of {answer.step} expires"
    elif answer is not None:
        yield f"{answer.step} is given up: the saga compensates"
    elif isinstance(event, Journal.Intervened):
        why = f": {event.reason}" if event.reason else ""
        yield f"{event.by} {_ACTIONS[event.action].format(step=event.step)}{why}"
    elif isinstance(event, Journal.Resumed):
        yield "the saga resumes"
    elif isinstance(event, Journal.Called):
        want = f"wants it to end with nothing done: {event.take_back}" if event.take_back else ""
        yield f"{event.saga} {event.key} {want or 'has it as a step'}"
    yield from describe_effects(event)


def describe_effects(event: Any) -> Iterator[str]:
    """Describes what an event records beyond its answer: the effects of an input."""
    answer: Answer | None = getattr(event, "answer", None)
    if isinstance(event, Journal.Noted):
        yield from _noted(event)
    elif answer is not None and answer.outcome in _OUTCOMES:
        yield f"  {_outcome(answer)}"
    if isinstance(event, Journal.Requested):
        yield f"  the saga requests: {_request(event)}"
    elif isinstance(event, Journal.FannedOut):
        yield f"  {event.step} is requested for {event.items} items"
    elif isinstance(event, Journal.Skipped):
        yield f"  {event.step} is skipped: its condition is not met"
    elif isinstance(event, Journal.Ignored):
        yield f"  ignored: {event.reason}"
    else:
        yield from _change_of_state(event)


def _noted(event: Journal.Noted) -> Iterator[str]:
    if not event.heeded:
        yield f"  no effect ({_outcome(event.answer)})"
    elif event.answer.outcome is Outcome.FAULTED:
        yield "  the saga pauses before it retries"
    elif event.answer.outcome in _OUTCOMES:
        yield f"  {_outcome(event.answer)}"


def _change_of_state(event: Any) -> Iterator[str]:
    if isinstance(event, Journal.Waiting):
        yield f"  the saga waits for {event.step}"
    elif isinstance(event, Journal.Dropped):
        yield f"  the saga goes on without the reminder {event.step}"
    elif isinstance(event, Journal.TakenBack):
        yield f"  the saga is taken back: {event.reason}"
    elif isinstance(event, Journal.Replied):
        end = "it is done" if event.done else f"it is not done: {event.reason}"
        yield f"  the saga tells {event.saga} {event.key}: {end}"
    else:
        yield from _parked_or_ended(event)


def _parked_or_ended(event: Any) -> Iterator[str]:
    if isinstance(event, Journal.Locking):
        yield f"  the saga queues for {', '.join(event.names)}"
    elif isinstance(event, Journal.RunBegun):
        yield f"run {event.run} of the saga begins"
    elif isinstance(event, Journal.Refused):
        yield f"  the saga may not start: {event.reason}"
    elif isinstance(event, Journal.Parked):
        yield f"  the saga is parked at {event.step}: {event.reason}"
    elif isinstance(event, Journal.Ended) and event.state is State.ABANDONED:
        yield f"  the saga has ended, {event.reason}"
    elif isinstance(event, Journal.Ended):
        because = f": {event.reason}" if event.reason else ""
        yield f"  the saga has ended, {event.state.value}{because}"


def _request(event: Journal.Requested) -> str:
    """A command that was issued: ``undo take_payment (RefundPayment), attempt 2``."""
    what = _PURPOSES[event.role]
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"{what}{event.step} ({type(event.command).__name__}){again}"


def describe_input(event: Any) -> str:
    """Describes an event that a saga receives."""
    if isinstance(event, Journal.Replied):
        return "its child saga is done" if event.done else "its child saga is not done"
    if isinstance(event, CommandFaulted):
        return f"{event.command} faults"
    return f"{type(event).__qualname__} received"


def describe_timer(command: Command) -> str:
    """Describes a timer that fires, by the command that it carries."""
    if isinstance(command, StepTimedOut):
        return f"the time limit of {command.step} expires"
    if isinstance(command, ReminderDue):
        return f"the reminder {command.step} is due"
    if isinstance(command, StepDue):
        return f"the pause of {command.step} ends"
    return f"{type(command).__name__} is due"


def _because(answer: Answer) -> str:
    """The reason that an answer gives, beyond the name of its event."""
    return f": {answer.reason}" if answer.reason not in ("", type(answer.event).__name__) else ""


def _outcome(answer: Answer) -> str:
    undo = "the undo of " if answer.undo else ""
    return f"{undo}{answer.step} is {_OUTCOMES.get(answer.outcome, answer.outcome.value)}"


_ACTIONS = {
    Action.RETRY: "retries what is stuck",
    Action.SKIP: "skips {step} as handled by hand",
    Action.CANCEL: "cancels the saga",
    Action.ABANDON: "abandons the saga",
    Action.RETRY_LETTER: "retries a dead letter",
    Action.DISCARD_LETTER: "discards a dead letter",
    Action.MOVE_TIMER: "moves a timer",
    Action.CANCEL_TIMER: "cancels a timer",
}
_PURPOSES = {Role.DO: "", Role.UNDO: "undo ", Role.CLOSE: "finally ", Role.REMIND: "reminder "}
_OUTCOMES = {
    Outcome.UNKNOWN: "of unknown outcome: it may or may not be done",
    Outcome.STUCK: "stuck",
    Outcome.WAIVED: "given up, and the saga goes on without it",
    Outcome.DOUBTFUL: "of unknown outcome: it is undone, and the saga goes on without it",
}
