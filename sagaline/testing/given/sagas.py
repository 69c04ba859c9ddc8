"""Tests of sagas: what has happened, what is heard next, what the saga asks for then."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from typing import Any, Self

from eventsourcing.application import project_aggregate
from eventsourcing.domain import Aggregate
from typing_extensions import override

from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.timers import SetTimer, TimerChange
from sagaline.saga.definition import Saga
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import State, StepStatus
from sagaline.saga.timers import StepDue, StepTimedOut
from sagaline.testing.given.aggregates import ENVELOPE, SOMEONE, Happened


def given_saga(definition: type[Saga], *history: Any) -> "GivenSaga":
    """Starts a test of a saga, which has heard `history`; the first is the event that starts it.

    History are events, ``happened(...)``, and event classes of which nothing need be told.
    """
    story = GivenSaga(definition)
    for each in history:
        story = story.when(each)
    return story


@dataclass(frozen=True)
class Chapter:
    """One input of a saga, as the test told it, and what the saga recorded for it."""

    told: str
    events: tuple[Any, ...]

    @property
    def commands(self) -> list[Command]:
        """The commands that were given, in order."""
        return [each.command for each in self.events if isinstance(each, Journal.Requested)]

    @property
    def said(self) -> list[str]:
        """The commands and the end that it led to, as a failure tells them."""
        return [_said(each) for each in self.events if isinstance(each, _LOUD)]

    @override
    def __str__(self) -> str:
        return f"{self.told} -> {', '.join(self.said) or 'nothing'}"


class GivenSaga:
    """A saga instance, told as a story: what it heard, and what it asked for each time.

    It is driven by the code that drives it in production, without store and clock, and each
    chapter goes on from the recorded events, as after a crash. A story does not change: `when`
    makes a longer one, so one beginning serves several questions.
    """

    def __init__(
        self,
        definition: type[Saga],
        chapters: tuple[Chapter, ...] = (),
        timers: Mapping[str, SetTimer] | None = None,
    ) -> None:
        self.timers = dict(timers or {})
        """The timers that are pending, by id."""
        self._definition = definition
        self._chapters = chapters

    @property
    def events(self) -> list[Any]:
        """Everything in the saga's own stream."""
        return [event for chapter in self._chapters for event in chapter.events]

    @property
    def journal(self) -> Journal:
        """The saga instance, rebuilt from its stream."""
        journal: Any = project_aggregate(None, self.events)
        if not isinstance(journal, Journal):
            start = self._definition.starts_on.__qualname__
            raise TypeError(f"the story of {self._definition.__name__} begins with {start}")
        return journal

    def when(self, event: Any, /, **facts: Any) -> "GivenSaga":
        """Hears an event: itself, ``happened(...)``, or its class and the facts that matter.

        What is left out is filled in: the envelope, and what the start of the saga, or a command
        for the step that the event answers, says under the same name.
        """
        told, heard = self._told(event, facts)
        if isinstance(heard, self._definition.starts_on):
            return self._started(told, heard)
        if type(heard) not in (*self._definition.answers, CommandFaulted):
            raise TypeError(f"{self._definition.__name__} does not listen for {told}")
        return self._continued(told, lambda course: course.handle_answer(heard))

    def when_fault(self, step: str, reason: str = "the port failed") -> "GivenSaga":
        """Hears that the command last given for this step could not be carried out."""
        requests = self._requests(step)
        if not requests:
            raise self._failure([f"a command for {step}"], ["it was never asked for"])
        request = requests[-1]
        fault = CommandFaulted.of(request.command, request.attempt, reason)
        return self._continued(
            f"{step} faults: {reason}", lambda course: course.handle_answer(fault)
        )

    def when_time_runs_out(self, step: str) -> "GivenSaga":
        """Lets the time limit of a step (``within``) run out."""
        return self._fired(StepTimedOut, step, lambda course: course.handle_timeout(step))

    def when_pause_ends(self, step: str) -> "GivenSaga":
        """Lets the pause before the next attempt of a step, or of its undo, come to its end."""
        return self._fired(StepDue, step, lambda course: course.handle_pause_end(step))

    def when_person(self, act: Callable[[Interventions], None]) -> "GivenSaga":
        """Lets a person act: ``when_person(lambda saga: saga.retry(Person("Eve")))``."""
        return self._continued("a person acts", act)

    def then(self, *commands: Command) -> Self:
        """Expects exactly these commands, in this order, for what was heard last.

        Ids are not compared: they follow from the saga instance and the step.
        """
        came = [each for chapter in self._chapters[-1:] for each in chapter.commands]
        if [_content(each) for each in came] != [_content(each) for each in commands]:
            raise self._failure(map(_written, commands), map(_written, came))
        return self

    def then_nothing(self) -> Self:
        """Expects that what was heard last led to no command, and to no end."""
        came = [said for chapter in self._chapters[-1:] for said in chapter.said]
        if came:
            raise self._failure([], came)
        return self

    def then_ends(self, state: State, reason: str | None = None) -> Self:
        """Expects that the saga has ended so, and for this reason where one is given."""
        return self._stands(f"ends {state.value}", reason)

    def then_parks(self, step: str, reason: str | None = None) -> Self:
        """Expects that the saga waits for a person, because of this step."""
        return self._stands(f"parks at {step}", reason)

    def then_waits(self, step: str) -> Self:
        """Expects that the saga waits for the answer to this step, or to its undo."""
        return self._stands(f"waits for {step}", None)

    def then_timer(self, step: str, after: timedelta | float) -> Self:
        """Expects that a timer of this step is set for so long (seconds, if it is a number)."""
        after = after if isinstance(after, timedelta) else timedelta(seconds=after)
        pending = [_pending(each) for each in self.timers.values()]
        if not any(each.startswith(f"{step} in {after} ") for each in pending):
            raise self._failure([f"{step} in {after}"], pending)
        return self

    def then_no_timers(self) -> Self:
        """Expects that no timer is pending."""
        if self.timers:
            raise self._failure([], map(_pending, self.timers.values()))
        return self

    def _started(self, told: str, event: Any) -> "GivenSaga":
        saga = self._definition
        if self._chapters:
            return self._continued(told, lambda course: course.ignore_start(event))
        key = str(saga.key_of(event))
        journal = Journal.start(saga.__name__, key, event, saga.fingerprint(), saga.steps)
        course = SagaEngine(saga, journal, {})
        course.start()
        return self._longer(told, journal, course)

    def _continued(self, told: str, take: Callable[[Interventions], None]) -> "GivenSaga":
        journal = self.journal
        course = Interventions(self._definition, journal, {})
        take(course)
        return self._longer(told, journal, course)

    def _fired(
        self,
        kind: type[StepTimedOut] | type[StepDue],
        step: str,
        take: Callable[[SagaEngine], None],
    ) -> "GivenSaga":
        for timer in self.timers.values():
            if isinstance(timer.command, kind) and timer.command.step == step:
                rest = {name: each for name, each in self.timers.items() if each is not timer}
                fired = GivenSaga(self._definition, self._chapters, rest)
                return fired._continued(f"the {_TIMERS[kind]} of {step} is over", take)
        raise self._failure(
            [f"{step} ({_TIMERS[kind]}) is pending"], map(_pending, self.timers.values())
        )

    def _longer(self, told: str, journal: Journal, course: SagaEngine) -> "GivenSaga":
        chapter = Chapter(told, tuple(journal.collect_events()))
        timers = _changed(self.timers, course.timers)
        longer = GivenSaga(self._definition, (*self._chapters, chapter), timers)
        if longer.journal != journal:
            raise AssertionError(
                "The state does not follow from the events: something was changed without one.\n"
                f"  changed  {journal!r}\n  replayed {longer.journal!r}"
            )
        return longer

    def _told(self, event: Any, facts: dict[str, Any]) -> tuple[str, Any]:
        if isinstance(event, type):
            event = Happened(event, facts)
        elif facts:
            raise TypeError("facts belong to an event class: when(StockRefused, reason='none')")
        if isinstance(event, Happened):
            return str(event).removesuffix("()"), self._sealed(event)
        return type(event).__qualname__, event

    def _sealed(self, event: Happened) -> Any:
        """The event itself, with what the test left out as far as it can be known."""
        event_class = event.event_class
        wanted = {each.name: each for each in fields(event_class) if each.name not in ENVELOPE}
        known = {k: value for k, value in self._known(event_class).items() if k in wanted}
        told = {"originator_id": self._id_for(event_class)} | known | event.fields
        missing = [
            name
            for name, each in wanted.items()
            if name not in told and each.default is MISSING and each.default_factory is MISSING
        ]
        if missing:
            raise TypeError(f"{event_class.__qualname__} is told with its {', '.join(missing)}")
        version = len(self._chapters) + 1
        return Happened(event_class, told).sealed(owner_of(event_class), SOMEONE, version)

    def _known(self, event_class: type[Any]) -> dict[str, Any]:
        """What the start says, and the commands of the step that this event answers.

        Where the event comes early, there are none: then the command given last.
        """
        if not self._chapters or event_class not in self._definition.answers:
            return {}
        step = self._definition.answers[event_class][0].name
        known = dict(vars(self.journal.received[self._definition.starts_on]))
        for request in self._requests(step) or self._requests()[-1:]:
            known.update((name, value) for name, value in request.command if name != "id")
        return known

    def _id_for(self, event_class: type[Any]) -> Any:
        """An event of the aggregate that started the saga is one of the same instance."""
        starts_on = self._definition.starts_on
        if self._chapters and owner_of(event_class) is owner_of(starts_on):
            return self.journal.received[starts_on].originator_id
        return SOMEONE

    def _requests(self, step: str | None = None) -> list[Journal.Requested]:
        """The commands for this step, or all of them."""
        asked = [each for each in self.events if isinstance(each, Journal.Requested)]
        return [each for each in asked if step in (None, each.step)]

    def _stands(self, wanted: str, reason: str | None) -> Self:
        stands, because = self._standing()
        if wanted != stands or reason not in (None, because):
            raise self._failure([_because(wanted, reason)], [_because(stands, because)])
        return self

    def _standing(self) -> tuple[str, str | None]:
        """Where the saga is, and why."""
        journal = self.journal
        if journal.state in (State.RUNNING, State.COMPENSATING):
            waits = [name for name, each in journal.steps.items() if each.status in _WAITING]
            return f"waits for {', '.join(waits)}", None
        ends = [each for each in self.events if isinstance(each, Journal.Ended | Journal.Parked)]
        return _stand(ends[-1]), ends[-1].reason

    def _failure(self, expected: Iterable[str], came: Iterable[str]) -> AssertionError:
        parts = {
            "expected:": list(expected) or ["nothing"],
            "came:": list(came) or ["nothing"],
            "the story so far:": list(map(str, self._chapters)) or ["nothing"],
        }
        lines = [line for head, body in parts.items() for line in (head, *(f"  {b}" for b in body))]
        return AssertionError("\n".join(["Something else than expected.", *lines]))


_LOUD = (Journal.Requested, Journal.Parked, Journal.Ended)
_WAITING = (StepStatus.ASKED, StepStatus.UNDOING)
_TIMERS: Mapping[type[Command], str] = {StepTimedOut: "time limit", StepDue: "pause"}


def _changed(
    timers: Mapping[str, SetTimer], changes: Iterable[TimerChange]
) -> Mapping[str, SetTimer]:
    after = dict(timers)
    for change in changes:
        after.pop(change.id, None)
        if isinstance(change, SetTimer):
            after[change.id] = change
    return after


def owner_of(event_class: type[Any]) -> type[Any]:
    """The aggregate class that an event class is written in."""
    found: Any = sys.modules[event_class.__module__]
    for name in event_class.__qualname__.split(".")[:-1]:
        found = getattr(found, name, None)
    return found if isinstance(found, type) else Aggregate


def _content(command: Command) -> tuple[type[Command], dict[str, Any]]:
    return type(command), command.model_dump(exclude={"id"})


def _written(command: Command) -> str:
    told = ", ".join(f"{name}={value!r}" for name, value in command if name != "id")
    return f"{type(command).__name__}({told})"


def _said(event: Any) -> str:
    if isinstance(event, Journal.Requested):
        again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        return f"{type(event.command).__name__}{again}"
    return _because(_stand(event), event.reason)


def _stand(event: Journal.Parked | Journal.Ended) -> str:
    if isinstance(event, Journal.Parked):
        return f"parks at {event.step}"
    return f"ends {event.state.value}"


def _because(what: str, reason: str | None) -> str:
    return f"{what}: {reason}" if reason else what


def _pending(timer: SetTimer) -> str:
    command: Any = timer.command
    return f"{command.step} in {timer.after} ({_TIMERS[type(command)]})"
