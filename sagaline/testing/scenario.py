"""Scenarios: a whole system, or one saga, and time that passes when the test says so."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from sqlalchemy import select

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.receipt import Receipt
from sagaline.application.saga_process import SagaProcess
from sagaline.messaging.commands import Command
from sagaline.messaging.timers import command_class
from sagaline.read_model.definition import ReadModel
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import Role, State, StepStatus
from sagaline.system.system import System
from sagaline.testing.given.aggregates import Happened
from sagaline.testing.given.example_values import sealed
from sagaline.testing.simulation.faults import NOW, AnsweringPart, Fault, FaultPoint, ScriptedAnswer
from sagaline.testing.simulation.in_memory_system import Commits, InMemorySystem
from sagaline.testing.simulation.log_reader import LogReader
from sagaline.testing.simulation.saga_run import SagaRun
from sagaline.testing.simulation.script import Casting

A = TypeVar("A", bound=Application)


class Scenario:
    """Runs a system, or one saga with simulated participants, for a test that tells a story.

    All of it is the code that runs in production, on SQLite in memory, in the thread of the test:
    after each thing that happens, everything that follows from it has happened too. Timers go by a
    clock that stands still until `pass_time`.

    Of a system, give it commands with `gives`, and let an application be away for a while with
    `away`. Of a saga, record events with `happens`, and say with `when_asked_for` what the
    simulated participants answer; without a word they do what they are asked. Use it in a `with`
    statement.
    """

    def __init__(
        self,
        subject: System | type[Saga],
        *,
        env: Mapping[str, str] | None = None,
        participants: Mapping[str, Casting] | None = None,
    ) -> None:
        self._performance: SagaRun | None = None
        self._script: dict[FaultPoint, tuple[Fault, ...]] = {}
        self._happened = 0
        if isinstance(subject, System):
            self._stage = InMemorySystem(subject, env)
            self._sagas = list(subject.sagas)
            self._chronicle = LogReader(self._stage, self._sagas)
        else:
            self._performance = SagaRun(subject, participants, self._script)
            self._stage = self._performance.stage
            self._sagas = [subject]
            self._chronicle = self._performance.chronicle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()

    # What happens.

    def get(self, application: type[A]) -> A:
        """The application of that class, to ask it something, or to give it another port."""
        found = self._stage.apps[application.name]
        assert isinstance(found, application)
        return found

    def gives(self, command: Command) -> Receipt:
        """Gives a command to the application that handles it. Raises what the handler raises."""
        for app in self._stage.apps.values():
            if type(command) in declaration_of(type(app)).handlers:
                receipt = app.execute_one(command)
                self._settle()
                return receipt
        raise TypeError(f"no application handles {type(command).__name__}")

    def happens(self, event: Any, /, **facts: Any) -> Self:
        """An event is recorded: itself, ``happened(...)``, or its class and the facts that matter.

        One that the saga starts on begins an instance; any other is for the one that began last.
        What is left out is made up.
        """
        if self._performance is None:
            raise TypeError("a system records its events itself: give it a command")
        self._happened += 1
        made = _made(event, facts, self._happened)
        if isinstance(made, self._sagas[0].starts_on):
            self._performance.begin(made)
        else:
            self._performance.say(self._journal().key, made)
        return self

    def when_asked_for(self, step: str) -> "Answering":
        """Says how the participant answers, once the saga asks for this step, or says farewell."""
        closing = step not in self._sagas[0].steps
        return self._answering(FaultPoint(step, Role.CLOSE if closing else Role.DO))

    def when_asked_to_undo(self, step: str) -> "Answering":
        """Says how the participant answers, once the saga asks to take this step back."""
        return self._answering(FaultPoint(step, Role.UNDO))

    def pass_time(self, **time: float) -> Self:
        """Lets time pass (``minutes=6``), and all that is due meanwhile happen at its moment."""
        until = self._stage.now + timedelta(**time)
        self._settle()
        while (moment := self._next()) is not None and moment <= until:
            self._jump(max(moment, self._stage.now))
        self._jump(until)
        return self

    @contextmanager
    def away(self, application: type[Application]) -> Iterator[None]:
        """Meanwhile nobody leads this application: what it is told waits in the logs."""
        self._stage.away.add(application.name)
        yield
        self._stage.away.discard(application.name)
        self._settle()

    def crashes(self) -> Self:
        """Everything in memory is lost, and what was committed goes on."""
        self._stage.crash()
        self._settle()
        return self

    def will_crash(self, commit: int, *, before: bool) -> Self:
        """Crashes at a commit of a follower, counted from now on: before it, or behind it."""
        self._stage.commits = Commits(commit, before=before)
        return self

    @property
    def commits(self) -> int:
        """How many commits of followers there were, since `will_crash` if that was said."""
        return self._stage.commits.count

    def person(
        self, act: Callable[[Interventions], None], key: Any = None, saga: type[Saga] | None = None
    ) -> Self:
        """Lets a person act: ``person(lambda saga: saga.retry(Person("Eve", "mended")))``."""
        journal = self._journal(key, saga)
        process = self._stage.apps[journal.saga]
        assert isinstance(process, SagaProcess)
        process.intervene(journal.key, act)
        self._settle()
        return self

    # What must be true then. Without a key, the instance that began last is meant.

    def then_ends(
        self,
        state: State,
        reason: str | None = None,
        key: Any = None,
        saga: type[Saga] | None = None,
    ) -> Self:
        """Expects that the saga has ended so, and for this reason where one is given."""
        journal = self._journal(key, saga)
        came = journal.reason if journal.state is State.COMPENSATED else ""
        if journal.state is not state or reason not in (None, came):
            raise self._failure(_standing(state.value, reason), _stands(journal))
        return self

    def then_parks(
        self,
        step: str,
        reason: str | None = None,
        key: Any = None,
        saga: type[Saga] | None = None,
    ) -> Self:
        """Expects that the saga waits for a person, because of this step."""
        journal = self._journal(key, saga)
        known = {**journal.steps, **journal.closings}
        stuck = [name for name, each in known.items() if each.status in _STUCK]
        wrong = journal.state is not State.PARKED or step not in stuck
        if wrong or reason not in (None, known[step].reason):
            raise self._failure(_standing(f"parked at {step}", reason), _stands(journal))
        return self

    def then_waits(self, *steps: str, key: Any = None, saga: type[Saga] | None = None) -> Self:
        """Expects that the saga waits for the answers to these steps, or to their undos."""
        journal = self._journal(key, saga)
        waits = [name for name, each in journal.steps.items() if each.status in _WAITING]
        if set(waits) != set(steps):
            raise self._failure(f"it waits for {', '.join(steps)}", _stands(journal))
        return self

    def then_asked(
        self, *commands: type[Command], key: Any = None, saga: type[Saga] | None = None
    ) -> Self:
        """Expects exactly these commands so far, in this order, each attempt counted."""
        journal = self._journal(key, saga)
        came = [
            type(each.command).__name__
            for each in self._chronicle.events
            if isinstance(each, Journal.Requested) and each.originator_id == journal.id
        ]
        wanted = [each.__name__ for each in commands]
        if came != wanted:
            raise self._failure(", ".join(wanted) or "nothing", ", ".join(came) or "nothing")
        return self

    def then_timers(self, *steps: str) -> Self:
        """Expects exactly these timers, the first one due first: by step, else by their own id."""
        came = [_about(each.topic, each.state) or each.id for each in self._stage.timers()]
        if came != list(steps):
            wanted = f"timers of {', '.join(steps)}" if steps else "no timers"
            raise self._failure(wanted, f"timers of {', '.join(came) or 'nothing'}")
        return self

    def then_no_timers(self) -> Self:
        """Expects that no timer is pending."""
        return self.then_timers()

    def then_in_place(self, *steps: str, key: Any = None) -> Self:
        """Expects that just these steps have an effect now, in the simulated world."""
        if self._performance is None:
            raise TypeError("what a system has done, its applications and read models know")
        journal = self._journal(key)
        effects = self._performance.casts[journal.id].effects
        came = [name for name in self._sagas[0].steps if effects.there(name)]
        if came != [name for name in self._sagas[0].steps if name in steps]:
            raise self._failure(", ".join(steps) or "nothing", ", ".join(came) or "nothing")
        return self

    def rows(self, model: type[ReadModel]) -> list[dict[str, Any]]:
        """The rows of a read table."""
        with self._stage.views.read() as connection:
            return [dict(row) for row in connection.execute(select(model.table)).mappings()]

    def _settle(self) -> None:
        self._stage.settle()
        self._chronicle.go_on()

    def _next(self) -> datetime | None:
        of = self._performance
        return self._stage.next_due() if of is None else of.next_moment()

    def _jump(self, moment: datetime) -> None:
        if self._performance is not None:
            self._performance.jump(moment)
        else:
            self._stage.now = moment
            self._settle()

    def _answering(self, place: FaultPoint) -> "Answering":
        if self._performance is None:
            raise TypeError("the applications of a system answer for themselves")
        names = self._sagas[0].commands()
        if place.name not in names:
            raise TypeError(f"{self._sagas[0].__name__} has no {place.name}: {', '.join(names)}")
        return Answering(self._script, place)

    def _journal(self, key: Any = None, saga: type[Saga] | None = None) -> Journal:
        names = [each.__name__ for each in ([saga] if saga is not None else self._sagas)]
        begun = [
            each
            for each in self._chronicle.events
            if isinstance(each, Journal.Started | Journal.Begun)
            and each.saga in names
            and (key is None or str(key) == each.key)
        ]
        if not begun:
            raise self._failure(f"a saga {key or ''}".strip(), "none has begun")
        last = begun[-1]
        found = self._stage.apps[last.saga].repository.get(journal_id(last.saga, last.key))
        assert isinstance(found, Journal)
        return found

    def _failure(self, expected: str, came: str) -> AssertionError:
        story = [f"  {each}" for each in self._chronicle.story.lines()]
        head = ["Something else than expected.", f"expected: {expected}", f"came: {came}"]
        return AssertionError("\n".join([*head, "the story so far:", *(story or ["  nothing"])]))


class Answering:
    """What a simulated participant answers to a command, attempt by attempt.

    Each call is for one attempt more, or for several; what is not said is done as it should be.
    """

    def __init__(self, script: dict[FaultPoint, tuple[Fault, ...]], place: FaultPoint) -> None:
        self._script = script
        self._place = place

    def refuses(self, reason: str = "") -> Self:
        """It says no; nothing is done, nor will be."""
        return self._then(
            "is refused", lambda part: [ScriptedAnswer(NOW, lambda: part.refusal(reason))]
        )

    def faults(self, times: int = 1, reason: str = "") -> Self:
        """Nobody knows what became of it; nothing was done."""
        for _ in range(times):
            self._then("faults", lambda part: [ScriptedAnswer(NOW, lambda: part.fault(reason))])
        return self

    def is_down(self, reason: str = "") -> Self:
        """It faults until `is_mended`."""
        return self._then(
            "is down", lambda part: [ScriptedAnswer(NOW, lambda: part.fault(reason))], lasting=True
        )

    def is_silent(self) -> Self:
        """It does nothing and says nothing until `is_mended`."""
        return self._then("is silent", lambda _: [], lasting=True)

    def is_mended(self) -> Self:
        """From now on it does what it is asked."""
        self._script.pop(self._place, None)
        return self

    def is_pending(self, **time: float) -> Self:
        """It is done after so long (``minutes=3``), and answered then."""
        return self._then("is pending", lambda part: [ScriptedAnswer(timedelta(**time), part.work)])

    def is_late(self, **time: float) -> Self:
        """It is done at once, and answered only after so long."""

        def play(part: AnsweringPart) -> list[ScriptedAnswer]:
            answer = part.work()
            return [ScriptedAnswer(timedelta(**time), lambda: answer)]

        return self._then("is late", play)

    def answers_twice(self) -> Self:
        """It is done once, and answered twice."""
        return self._then("answers twice", lambda part: [ScriptedAnswer(NOW, part.work)] * 2)

    def does_it(self) -> Self:
        """It is done, and answered: for an attempt before others that are not."""
        return self._then("is done", lambda part: [ScriptedAnswer(NOW, part.work)])

    def _then(
        self,
        words: str,
        play: Callable[[AnsweringPart], list[ScriptedAnswer]],
        *,
        lasting: bool = False,
    ) -> Self:
        fault = Fault(words, play, lasting=lasting)
        self._script[self._place] = (*self._script.get(self._place, ()), fault)
        return self


def _made(event: Any, facts: dict[str, Any], version: int) -> Any:
    """The event, with what the test left out; two that are told alike are two."""
    told = Happened(event, facts) if isinstance(event, type) else event
    return sealed(told, version) if isinstance(told, Happened) else told


def _about(topic: str, state: bytes) -> str:
    command: Any = command_class(topic).model_validate_json(state)
    return str(getattr(command, "step", ""))


def _standing(what: str, reason: str | None) -> str:
    return f"it is {what}" + (f": {reason}" if reason else "")


def _stands(journal: Journal) -> str:
    known = {**journal.steps, **journal.closings}
    stuck = [name for name, each in known.items() if each.status in _STUCK]
    waits = [name for name, each in journal.steps.items() if each.status in _WAITING]
    if journal.state is State.PARKED:
        reasons = "; ".join(known[name].reason for name in stuck)
        return _standing(f"parked at {', '.join(stuck)}", reasons)
    if waits:
        return f"it waits for {', '.join(waits)}"
    return _standing(journal.state.value, journal.reason)


_STUCK = (StepStatus.STUCK, StepStatus.UNDO_STUCK)
_WAITING = (StepStatus.ASKED, StepStatus.UNDOING)

__all__ = ["Answering", "Scenario"]
