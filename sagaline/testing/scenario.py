"""Scenarios: a whole system, or one saga, on a clock that the test moves."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn, Self, TypeVar

from sqlalchemy import select

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.receipt import Receipt
from sagaline.application.saga_process import SagaProcess
from sagaline.codec import command_class
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_given
from sagaline.read_model.definition import ReadModel
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga, refuse_no_saga
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import Role, State
from sagaline.storage.tables.timers import TimerRow
from sagaline.system.system import System
from sagaline.testing.answering import Answering
from sagaline.testing.failure import unexpected
from sagaline.testing.given.example_values import example_event
from sagaline.testing.given.happened import happened
from sagaline.testing.saga_status import SagaStatus
from sagaline.testing.simulation.commits import Commits
from sagaline.testing.simulation.faults import Fault
from sagaline.testing.simulation.in_memory_system import InMemorySystem
from sagaline.testing.simulation.saga_run import SagaRun
from sagaline.testing.simulation.script import ParticipantFactory
from sagaline.testing.simulation.scripted_attempt import FaultPoint

A = TypeVar("A", bound=Application)
AnySaga = type[Saga] | None
"""One saga class of a system, or any of them."""


class Scenario:
    """Runs a system, or one saga with simulated participants, step by step in a test.

    The production code runs on SQLite in memory, in the thread of the test: each method returns
    when everything that follows has been handled. Timers use a clock that only `pass_time` moves.

    Of a system, issue commands with `gives`, and leave an application out with `stopped`. Of a
    saga, record events with `happens`, and script with `when_asked_for` what the simulated
    participants answer; by default they succeed. Use it in a `with` statement.
    """

    def __init__(
        self,
        subject: System | type[Saga],
        *,
        env: Mapping[str, str] | None = None,
        participants: Mapping[str, ParticipantFactory] | None = None,
    ) -> None:
        self._script: dict[FaultPoint, tuple[Fault, ...]] = {}
        self._happened = 0
        self._system: InMemorySystem
        self._sagas: list[type[Saga]]
        if isinstance(subject, System):
            self._system, self._sagas = InMemorySystem(subject, env), list(subject.sagas)
        else:
            refuse_no_saga(subject, "Scenario", "Write Scenario(system), or Scenario(Fulfil).")
            self._system, self._sagas = SagaRun(subject, participants, self._script), [subject]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._system.close()

    # Actions.

    def get(self, application: type[A]) -> A:
        """The application of that class: to query it, or to replace one of its ports."""
        found = self._system.apps.get(getattr(application, "name", ""))
        if type(found) is not application:
            self._refuse(application, "get")
        return found

    def gives(self, command: Command) -> Receipt:
        """Issues a command to the application that handles it. Raises what the handler raises."""
        for app in self._system.apps.values():
            if type(command) in declaration_of(type(app)).handlers:
                receipt = app.execute_one(command)
                self._system.settle()
                return receipt
        refuse_given(command, "gives", "Give a command that an application of the system handles.")

    def happens(self, event: Any, /, **fields: Any) -> Self:
        """Records an event: itself, ``happened(...)``, or its class and the fields that matter.

        An event that the saga starts on starts an instance; any other is for the latest instance.
        Fields that are left out get example values.
        """
        run = self._saga_run("a system records its own events: issue a command with `gives`")
        self._happened += 1
        given = happened(event, **fields) if isinstance(event, type) else event
        made = example_event(given, self._happened)
        if saga_declaration(self._sagas[0]).is_start(made):
            run.start(made)
        else:
            run.record(self._status().journal.key, made)
        return self

    def when_asked_for(self, step: str) -> Answering:
        """Scripts how the participant answers the command of this step, or a closing command."""
        closing = str(step) not in self._sagas[0].steps
        return self._answering(FaultPoint(str(step), Role.CLOSE if closing else Role.DO))

    def when_asked_to_undo(self, step: str) -> Answering:
        """Scripts how the participant answers the undo of this step."""
        return self._answering(FaultPoint(str(step), Role.UNDO))

    def pass_time(self, **time: float) -> Self:
        """Moves the clock (``minutes=6``); each timer fires at the moment when it is due."""
        until = self._system.now + timedelta(**time)
        self._system.settle()
        while (moment := self._system.next_due()) is not None and moment <= until:
            self._system.advance_to(max(moment, self._system.now))
        self._system.advance_to(until)
        return self

    @contextmanager
    def stopped(self, application: type[Application]) -> Iterator[None]:
        """Stops an application inside the `with` block: its messages wait in the logs."""
        if application not in map(type, self._system.apps.values()):
            self._refuse(application, "stopped")
        self._system.stopped.add(application.name)
        yield
        self._system.stopped.discard(application.name)
        self._system.settle()

    def crashes(self) -> Self:
        """Drops all state in memory, and continues from what was committed."""
        self._system.crash()
        self._system.settle()
        return self

    def will_crash(self, commit: int, *, before: bool) -> Self:
        """Crashes at a commit of a follower, counted from now on: before it, or after it."""
        self._system.commits = Commits(commit, before=before)
        return self

    @property
    def commits(self) -> int:
        """The number of commits of followers since `will_crash`, or since the start."""
        return self._system.commits.count

    def intervene(
        self, act: Callable[[Interventions], None], key: Any = None, saga: AnySaga = None
    ) -> Self:
        """Has an operator act: ``intervene(lambda saga: saga.retry(Operator("Eve", "fixed")))``."""
        journal = self._status(key, saga).journal
        process = self._system.apps[journal.saga]
        assert isinstance(process, SagaProcess)
        process.intervene(journal.key, act)
        self._system.settle()
        return self

    # Expectations. Without a key they are about the latest instance.

    def then_ends(
        self, state: State, reason: str | None = None, key: Any = None, saga: AnySaga = None
    ) -> Self:
        """Expects the saga to have ended in this state, and for this reason if one is given."""
        status = self._status(key, saga)
        return self._must_be(status, *status.ended(state, reason))

    def then_parks(
        self, step: str, reason: str | None = None, key: Any = None, saga: AnySaga = None
    ) -> Self:
        """Expects the saga to be parked at this step, and for this reason if one is given."""
        status = self._status(key, saga)
        return self._must_be(status, *status.parked(step, reason))

    def then_waits(self, *steps: str, key: Any = None, saga: AnySaga = None) -> Self:
        """Expects the saga to wait for the answers to these steps, or to their undos."""
        status = self._status(key, saga)
        return self._must_be(status, *status.waits_for(*steps))

    def then_asked(self, *commands: type[Command], key: Any = None, saga: AnySaga = None) -> Self:
        """Expects exactly these commands so far, in this order, each attempt counted."""
        events = self._status(key, saga).events
        issued = [type(each.command) for each in events if isinstance(each, Journal.Requested)]
        names = [[named(each) for each in classes] for classes in (commands, issued)]
        return self._must(names[0] == names[1], *names)

    def then_timers(self, *steps: str) -> Self:
        """Expects exactly these timers, by due time: named by their step, else by their id."""
        names = [_timer_name(each) for each in self._system.timers()]
        wanted = [f"timer of {each}" for each in steps]
        return self._must(names == list(steps), wanted, [f"timer of {each}" for each in names])

    def then_no_timers(self) -> Self:
        """Expects no pending timer."""
        return self.then_timers()

    def then_in_place(self, *steps: str, key: Any = None) -> Self:
        """Expects the effects of exactly these steps to be performed and not undone."""
        run = self._saga_run("read the effects of a system from its applications and read models")
        journal = self._status(key).journal
        effects = run.participants_for(journal.saga, journal.id).effects
        found = [name for name in self._sagas[0].steps if effects.count(name)]
        wanted = [name for name in self._sagas[0].steps if name in steps]
        return self._must(found == wanted, steps, found)

    def rows(self, model: type[ReadModel]) -> list[dict[str, Any]]:
        """The rows of a read table."""
        if model not in self._system.read_models:
            refuse_given(model, "rows", "Write rows(OrderList): a read model of the system.")
        with self._system.views.read() as connection:
            return [dict(row) for row in connection.execute(select(model.table)).mappings()]

    def _refuse(self, application: object, where: str) -> NoReturn:
        names = ", ".join(self._system.apps)
        refuse_given(application, where, f"Name the class of one of {names}.")

    def _saga_run(self, cure: str) -> SagaRun:
        if not isinstance(self._system, SagaRun):
            raise TypeError(cure)
        return self._system

    def _answering(self, point: FaultPoint) -> Answering:
        self._saga_run("the applications of a system answer for themselves")
        names = saga_declaration(self._sagas[0]).commands
        if point.name not in names:
            raise TypeError(f"{self._sagas[0].__name__} has no {point.name}: {', '.join(names)}")
        return Answering(self._script, point)

    def _status(self, key: Any = None, saga: AnySaga = None) -> SagaStatus:
        asked = [saga] if saga is not None else self._sagas
        names = [saga_declaration(each).name for each in asked]
        log = self._system.log.events
        started = [
            each
            for each in log
            if isinstance(each, Journal.Started | Journal.Begun)
            and each.saga in names
            and (key is None or str(key) == each.key)
        ]
        if not started:
            raise self._failure([f"a saga {'' if key is None else key}".strip()], [])
        last = started[-1]
        events = [each for each in log if each.originator_id == last.originator_id]
        return SagaStatus(self._system.journal(last.saga, last.originator_id), events)

    def _must_be(self, status: SagaStatus, met: bool, expected: str) -> Self:
        return self._must(met, [expected], [status])

    def _must(self, met: bool, expected: Iterable[object], actual: Iterable[object]) -> Self:
        if not met:
            raise self._failure(expected, actual)
        return self

    def _failure(self, expected: Iterable[object], actual: Iterable[object]) -> AssertionError:
        return unexpected("result", expected, actual, self._system.log.transcript.lines())


def _timer_name(timer: TimerRow) -> str:
    command: Any = command_class(timer.topic).model_validate_json(timer.state)
    return str(getattr(command, "step", "")) or timer.id
