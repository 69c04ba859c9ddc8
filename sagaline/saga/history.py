"""A saga's own stream, told as a person would tell it."""

from collections.abc import Iterator
from typing import Any

from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.instance import Journal
from sagaline.saga.state import Action, Answer, Outcome, Role, State
from sagaline.saga.timers import StepDue, StepTimedOut


def describe(event: Any) -> Iterator[str]:
    """One event of a saga's log: what it heard, and what it recorded for it."""
    answer: Answer | None = getattr(event, "answer", None)
    if isinstance(event, Journal.Started | Journal.Begun | Journal.Ignored):
        yield heard(event.event)
    elif answer is not None and answer.event is not None:
        yield f"{heard(answer.event)}{_because(answer)}"
    elif answer is not None:
        yield f"the time for {answer.step} is over"
    elif isinstance(event, Journal.Intervened):
        why = f": {event.reason}" if event.reason else ""
        yield f"{event.by} {_DEEDS[event.action].format(step=event.step)}{why}"
    elif isinstance(event, Journal.Resumed):
        yield "the saga goes on"
    yield from recorded(event)


def recorded(event: Any) -> Iterator[str]:
    """What a saga recorded, beyond the answer that it heard."""
    answer: Answer | None = getattr(event, "answer", None)
    if isinstance(event, Journal.Noted):
        yield from _noted(event)
    elif answer is not None and answer.outcome in (Outcome.UNKNOWN, Outcome.STUCK):
        yield f"  {_outcome(answer)}"
    if isinstance(event, Journal.Requested):
        yield f"  the saga asks: {asked(event)}"
    elif isinstance(event, Journal.Skipped):
        yield f"  {event.step} is not wanted here"
    elif isinstance(event, Journal.Ignored):
        yield f"  that is ignored: {event.reason}"
    else:
        yield from _rested(event)


def _noted(event: Journal.Noted) -> Iterator[str]:
    if not event.heeded:
        yield f"  that changes nothing ({_outcome(event.answer)})"
    elif event.answer.outcome is Outcome.FAULTED:
        yield "  the saga waits, and will ask again"
    elif event.answer.outcome in (Outcome.UNKNOWN, Outcome.STUCK):
        yield f"  {_outcome(event.answer)}"


def _rested(event: Any) -> Iterator[str]:
    if isinstance(event, Journal.Locking):
        yield f"  the saga queues for {', '.join(event.names)}"
    elif isinstance(event, Journal.Refused):
        yield f"  the saga must not begin: {event.reason}"
    elif isinstance(event, Journal.Parked):
        yield f"  the saga is parked at {event.step}: {event.reason}"
    elif isinstance(event, Journal.Ended) and event.state is State.ABANDONED:
        yield f"  the saga has ended, {event.reason}"
    elif isinstance(event, Journal.Ended):
        because = f": {event.reason}" if event.reason else ""
        yield f"  the saga has ended, {event.state.value}{because}"


def asked(event: Journal.Requested) -> str:
    """A command that was given: ``undo take_payment (RefundPayment), attempt 2``."""
    what = {Role.DO: "", Role.UNDO: "undo ", Role.CLOSE: "at last "}[event.role]
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"{what}{event.step} ({type(event.command).__name__}){again}"


def heard(event: Any) -> str:
    """What comes to a saga."""
    if isinstance(event, CommandFaulted):
        return f"{event.command} faults"
    return f"{type(event).__qualname__} is heard"


def fired(command: Command) -> str:
    """What a saga tells itself by a timer."""
    if isinstance(command, StepTimedOut):
        return f"the time for {command.step} is over"
    if isinstance(command, StepDue):
        return f"the pause of {command.step} is over"
    return f"{type(command).__name__} is due"


def _because(answer: Answer) -> str:
    """The reason that an answer gives, beyond the name of its event."""
    return f": {answer.reason}" if answer.reason not in ("", type(answer.event).__name__) else ""


def _outcome(answer: Answer) -> str:
    undo = "the undo of " if answer.undo else ""
    return f"{undo}{answer.step} is {_WORDS.get(answer.outcome, answer.outcome.value)}"


_DEEDS = {
    Action.RETRY: "asks again",
    Action.SKIP: "takes {step} for dealt with by hand",
    Action.CANCEL: "cancels the saga",
    Action.ABANDON: "abandons the saga",
    Action.RETRY_LETTER: "retries a dead letter",
    Action.DISCARD_LETTER: "discards a dead letter",
    Action.MOVE_TIMER: "moves a timer",
    Action.CANCEL_TIMER: "cancels a timer",
}
_WORDS = {
    Outcome.UNKNOWN: "of unknown outcome: it may or may not be done",
    Outcome.STUCK: "stuck",
}
