"""A saga's own stream, told as a person would tell it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sagaline.commands import Command
from sagaline.faults import CommandFaulted
from sagaline.journal import Journal
from sagaline.progress import Answer, Outcome, Role
from sagaline.timers import StepDue, StepTimedOut


class Story:
    """What happened, line by line, each with the time since the beginning."""

    def __init__(self) -> None:
        self._lines: list[tuple[timedelta, str]] = []

    def __len__(self) -> int:
        return len(self._lines)

    def tell(self, at: timedelta, line: str) -> None:
        """One line more."""
        self._lines.append((at, line))

    def lines(self) -> Iterator[str]:
        """The story as it is printed; a time is shown where it changes."""
        clocks = [_clock(at) for at, _ in self._lines]
        width = max(map(len, clocks), default=0)
        before = None
        for clock, (_, line) in zip(clocks, self._lines, strict=True):
            yield f"{clock if clock != before else '':>{width}}  {line}"
            before = clock


def told(event: Any) -> Iterator[str]:
    """One event of a saga's log: what it heard, and what it recorded for it."""
    answer: Answer | None = getattr(event, "answer", None)
    if isinstance(event, Journal.Started | Journal.Begun | Journal.Ignored):
        yield heard(event.event)
    elif answer is not None and answer.event is not None:
        yield heard(answer.event)
    elif answer is not None:
        yield f"the time for {answer.step} is over"
    elif isinstance(event, Journal.Intervened):
        about = f" {event.step}" if event.step else ""
        yield f"{event.by} says: {event.action.value}{about} ({event.reason})"
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
    if isinstance(event, Journal.Parked):
        yield f"  the saga is parked at {event.step}: {event.reason}"
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


def _outcome(answer: Answer) -> str:
    undo = "the undo of " if answer.undo else ""
    return f"{undo}{answer.step} is {_WORDS.get(answer.outcome, answer.outcome.value)}"


_WORDS = {
    Outcome.UNKNOWN: "of unknown outcome: it may or may not be done",
    Outcome.STUCK: "stuck",
}


def _clock(at: timedelta) -> str:
    """``0:15:00.001``, or ``1 day, 0:00:00``."""
    return str(at).removesuffix("000")
