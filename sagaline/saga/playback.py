"""Plays a recorded journal against a definition: where would it take another turn?

The inputs of an instance are in its journal, beside what followed from them. They are given to the
engine again, in their order, and what it records now is compared with what was recorded then.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sagaline.errors import describe_error
from sagaline.messaging.declaring import named
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.history import describe, describe_effects
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.recorded_inputs import RecordedInputs
from sagaline.saga.state import Answer
from sagaline.saga.step_timers import Timing
from sagaline.saga.versions import version_for

_STARTS: Final = (Journal.Started, Journal.Begun)

_COMPARED: Final = (
    "step", "role", "attempt", "command", "state", "names", "items", "heeded", "action",
    "saga", "key", "request", "done",
)  # fmt: skip
"""The fields of events that make a turn; reasons are words, which may change."""

_NOTHING: Final = "nothing"


class Turn(NamedTuple):
    """The first place in a journal where the code would do something else.

    `place` is the version of the event in the journal, or the one after its last event.
    """

    place: int
    input: str
    recorded: str
    now: str


class Playback:
    """Plays one journal, as recorded from its first event, against a saga that is loaded."""

    def __init__(
        self,
        saga: type[Saga],
        recorded: Sequence[Any],
        timings: Mapping[str, Timing],
        takes_locks: bool = True,
    ) -> None:
        self._saga = saga
        self._recorded = recorded
        self._timings = timings
        self._takes_locks = takes_locks
        self._next = 0
        journal: Any = recorded[0].mutate(None)
        self._journal: Journal = journal

    def first_other_turn(self) -> Turn | None:
        """The first turn that the code would take otherwise; None where it takes the same."""
        while self._next < len(self._recorded):
            at = self._next
            try:
                self._give_input()
            except Exception as error:
                return self._turn(at, f"it raises {describe_error(error)}")
            for now in self._journal.collect_events():
                then = self._recorded[self._next] if self._next < len(self._recorded) else None
                if not _is_same(then, now):
                    return self._turn(at, _words(now, then))
                self._next += 1
            if self._next == at:
                return self._turn(at, _NOTHING)
        return None

    def _give_input(self) -> None:
        """Gives the engine the input that led to the next recorded event."""
        event = self._recorded[self._next]
        if isinstance(event, (*_STARTS, Journal.Awaited)):
            self._start(event)
        elif isinstance(event, Journal.RunBegun):
            self._apply(event)
        else:
            declared = saga_declaration(version_for(self._saga, self._journal.fingerprint))
            inputs = RecordedInputs(self._engine(), declared, self._journal)
            if not inputs.give(self._recorded[self._next : self._next + 2]):
                self._apply(event)

    def _start(self, event: Any) -> None:
        """Starts the instance as recorded; what follows is for the engine to decide."""
        if self._next:
            self._apply(event)
        else:
            self._next = 1  # the journal was made of it
        if isinstance(event, Journal.Awaited):
            return
        for call in self._calls_of_start():
            self._apply(call)
        engine = self._engine()
        if not (self._takes_locks and engine.queue_for_locks()):
            engine.start()

    def _calls_of_start(self) -> Iterator[Any]:
        """The event that says whose child the instance is, if it stands beside the start."""
        for each in self._recorded[self._next : self._next + 1]:
            if isinstance(each, Journal.Called) and not each.take_back:
                yield each

    def _apply(self, event: Any) -> None:
        """Applies an event as recorded: the code has no say in it."""
        event.mutate(self._journal)
        self._next += 1

    def _engine(self) -> Interventions:
        return Interventions(self._saga, self._journal, self._timings)

    def _turn(self, input: int, now: str) -> Turn:
        """A turn at the next recorded event, after an input that led to the one at `input`."""
        then = self._recorded[self._next] if self._next < len(self._recorded) else None
        return Turn(self._next + 1, _input(self._recorded[input]), _words(then, None), now)


def _is_same(then: Any, now: Any) -> bool:
    return type(then) is type(now) and _facts(then) == _facts(now)


def _facts(event: Any) -> list[Any]:
    answer: Answer | None = getattr(event, "answer", None)
    facts = [getattr(event, each, None) for each in _COMPARED]
    return facts if answer is None else [*facts, answer.step, answer.undo, answer.outcome]


def _input(event: Any) -> str:
    """What was received, in words; what led to a request again is a timer."""
    return next(filter(lambda line: not line.startswith(" "), describe(event)), "a timer fires")


def _words(event: Any, other: Any) -> str:
    """What an event records, in words; of a command that differs from the other, the fields."""
    if event is None:
        return _NOTHING
    lines = [each.strip() for each in describe_effects(event)]
    return "; ".join([*lines, *_other_fields(event, other)]) or type(event).__name__


def _other_fields(event: Any, other: Any) -> Iterator[str]:
    if type(event) is type(other) and isinstance(event, Journal.Requested):
        now, then = event.command.model_dump(), other.command.model_dump()
        for name in (each for each in now if now[each] != then.get(each)):
            yield f"{name} is {named(now[name])}, not {named(then.get(name))}"
