"""A saga as a process application: it hears events, and its own log carries its commands."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar

from eventsourcing.system import RecordingEvent
from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.application.retry_on_conflict import until_first
from sagaline.errors import InterventionFailed, SagalineError, SagaUnknown, describe_error
from sagaline.followers.timers import timer_row
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.message import Message, Trace, position
from sagaline.messaging.timers import SetTimer
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.definition import Saga
from sagaline.saga.engine import SagaEngine, Timing
from sagaline.saga.instance import Journal, journal_id, requested
from sagaline.saga.interventions import Interventions
from sagaline.saga.timers import LocksFreed, StepDue, StepTimedOut
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.saga_definitions import definition_of
from sagaline.storage.tables.saga_locks import blocking_request, release_locks, request_locks
from sagaline.storage.tables.timers import set_timers


class SagaProcess(Application):
    """Runs all instances of one saga class; each has a stream of its own in the process's log."""

    saga: ClassVar[type[Saga]]
    timings: ClassVar[Mapping[str, Timing]] = {}
    takes_locks: ClassVar[bool] = True

    def key_of(self, message: Message) -> str | None:
        """The key of the instance that a message is for; None where it is for none."""
        if isinstance(message.event, self.saga.starts_on):
            return str(self.saga.key_of(message.event))
        return message.key

    def prefetch(self, messages: Iterable[Message]) -> list[Any]:
        """The journals of the instances that these messages are for."""
        keys = {self.key_of(each) for each in messages}
        return [journal_id(self.name, key) for key in keys if key is not None]

    def ask(self, messages: Iterable[Message]) -> dict[int, Any]:
        """A saga asks nobody: it gives commands."""
        return {}

    def handle(self, message: Message, answers: Mapping[int, Any]) -> Iterable[Any]:
        """Takes one input of one instance: what is to be saved is its journal."""
        key = self.key_of(message)
        if key is None:
            return ()
        (journal,) = self.repository.find(Journal, [journal_id(self.name, key)])
        event = message.event
        was_open = journal is None or not journal.state.ended
        if isinstance(event, self.saga.starts_on):
            journal, course = self._started(journal, key, event)
        elif self._is_ours(journal, event):
            journal = journal or Journal.awaiting(self.name, key)
            course = SagaEngine(self.saga, journal, self.timings)
            self._take(journal, course, event)
        else:
            return ()
        self._set_timers(course)
        if was_open:
            self._release_at_end(journal)
        return (journal,)

    def steer(
        self,
        key: str,
        act: Callable[[Interventions], None],
        also: Callable[[Connection], None] | None = None,
    ) -> Journal:
        """Lets a person act on one instance, in one transaction; returns the instance.

        `also` does in it what the act tells of. Runners that lead this saga meanwhile see it before
        they write anything more. Raises SagaUnknown where there is no such instance, and
        InterventionFailed where a step's own code fails; whatever is raised, nothing is written.
        """
        return until_first(lambda: self._steer(key, act, also))

    def _steer(
        self,
        key: str,
        act: Callable[[Interventions], None],
        also: Callable[[Connection], None] | None,
    ) -> Journal:
        unit = self.unit()
        with self.working(unit):
            (journal,) = self.repository.find(Journal, [journal_id(self.name, key)])
            if journal is None or not journal.started:
                raise SagaUnknown(id=key)
            unit.trace = self._trace_behind(journal, key)
            was_open = not journal.state.ended
            course = Interventions(self.saga, journal, self.timings, self._obstacle(journal))
            self._act(course, journal, act)
            self._set_timers(course)
            if was_open:
                self._release_at_end(journal)
            unit.record([journal])
        with self.datastore.write() as connection:
            raise_fence(connection, self.name)
            unit.write(connection)
            if also is not None:
                also(connection)
        for follower in self.followers:
            follower.receive_recording_event(RecordingEvent(self.name, [], None))
        return journal

    def _act(
        self, course: Interventions, journal: Journal, act: Callable[[Interventions], None]
    ) -> None:
        """Where a follower would park the event as a dead letter, a person is told at once."""
        try:
            act(course)
        except SagalineError:
            raise
        except Exception as error:
            saga = f"{journal.saga} {journal.key}"
            raise InterventionFailed(saga=saga, reason=describe_error(error)) from error

    def _obstacle(self, journal: Journal) -> str | None:
        with self.datastore.read() as connection:
            known = definition_of(connection, self.name)
        return incompatibility(self.saga, journal, None if known is None else known.shape)

    def _trace_behind(self, journal: Journal, key: str) -> Trace:
        """What a person does comes after the last event of the instance, which they looked at."""
        last = self.recorder.streams([journal.id])[journal.id][-1]
        return Trace(key, position(self.name, last.id), (last.hop or 0) + 1)

    def _started(self, journal: Journal | None, key: str, event: Any) -> tuple[Journal, SagaEngine]:
        """The first start wins; answers that came before it were kept."""
        shape = self.saga.fingerprint(), self.saga.steps
        if journal is None:
            journal = Journal.start(self.name, key, event, *shape)
        elif journal.started:
            course = SagaEngine(self.saga, journal, self.timings)
            course.start_again(event)
            return journal, course
        else:
            journal.start_late(event, *shape)
        course = SagaEngine(self.saga, journal, self.timings)
        names = course.queue() if self.takes_locks else ()
        if names:
            now = self.now().timestamp()
            self._current().also(lambda c: request_locks(c, self.name, key, names, now))
            # A hop of its own looks whether it is the first: what others claim is on disk by then.
            first = SetTimer(f"{key}:locks", timedelta(0), LocksFreed(saga_key=key))
            self.set_timer(first)
        else:
            course.start()
        return journal, course

    def _take(self, journal: Journal, course: SagaEngine, event: Any) -> None:
        if isinstance(event, LocksFreed):
            self._begin(journal, course)
        elif isinstance(event, StepTimedOut):
            course.time_out(event.step)
        elif isinstance(event, StepDue):
            course.ask_again(event.step)
        else:
            course.hear(event)

    def _begin(self, journal: Journal, course: SagaEngine) -> None:
        """Takes the first step, if nobody is ahead in the queue for one of the locks."""
        if journal.steps or journal.state.ended or journal.turned:
            return
        with self.datastore.read() as connection:
            other = blocking_request(connection, self.name, journal.key)
        if other is None:
            course.start()
        elif self.saga.locks is not None and not self.saga.locks.wait:
            course.refuse(f"{other.name} is held by {other.saga} {other.key}")

    def _release_at_end(self, journal: Journal) -> None:
        if journal.locks and journal.state.ended:
            trace, now = self._current().trace, self.now()
            self._current().also(lambda c: self._release(c, journal.key, trace, now))

    def _release(self, connection: Connection, key: str, trace: Trace, now: datetime) -> None:
        """Gives the locks back, and has those look that are the first in a queue now."""
        for each in release_locks(connection, self.name, key):
            # An id of its own: what wakes it now must not be deleted with what woke it before.
            id_ = f"{each.key}:locks:{self.name}:{key}"
            timer = SetTimer(id_, timedelta(0), LocksFreed(saga_key=each.key))
            row = timer_row(timer, now, trace._replace(key=each.key))
            set_timers(connection, each.saga, [row])

    def _set_timers(self, course: SagaEngine) -> None:
        for change in course.timers:
            if isinstance(change, SetTimer):
                self.set_timer(change)
            else:
                self.cancel_timer(change.id)

    def _is_ours(self, journal: Journal | None, event: Any) -> bool:
        """A fault names its command, which another saga for the same key may have given."""
        if isinstance(event, CommandFaulted):
            return journal is not None and event.command_id in journal.asked
        return journal is not None or type(event) in self.saga.answers


def process_of(
    saga: type[Saga], timings: Mapping[str, Timing], takes_locks: bool = True
) -> type[SagaProcess]:
    """The process application of a saga class, found by topic as ``module:Saga.Process``.

    The same for the same timings, so that a saga can be part of several systems.
    """
    given = frozenset(timings.items())
    return _process_of(saga, given, takes_locks)  # type: ignore[arg-type]  # has a hash


@cache
def _process_of(
    saga: type[Saga], timings: frozenset[tuple[str, Timing]], takes_locks: bool
) -> type[SagaProcess]:
    for command in set(saga.commands().values()):
        requested(command)
    # Upstream takes a topic for one class only, so those with other timings are numbered.
    number = sum(name.startswith("Process") for name in vars(saga))
    name = f"Process{number or ''}"
    process = type(
        saga.__name__,
        (SagaProcess,),
        {
            "__module__": saga.__module__,
            "__qualname__": f"{saga.__qualname__}.{name}",
            "__doc__": saga.__doc__,
            "saga": saga,
            "timings": dict(timings),
            "takes_locks": takes_locks,
        },
    )
    setattr(saga, name, process)  # found there by its topic
    return process
