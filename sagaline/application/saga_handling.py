"""How a saga's process application handles what its instances hear."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from typing_extensions import override

from sagaline.application.message_handling import (
    NO_ANSWERS,
    HandlingApplication,
    MessageHandling,
    PortAnswers,
)
from sagaline.application.repository import UnitOfWorkRepository
from sagaline.application.saga_input import SagaInput
from sagaline.application.saga_locking import release_and_wake
from sagaline.application.saga_log import log_parked_sagas
from sagaline.application.saga_runs import SagaRuns, last_run_ids
from sagaline.application.saga_schedule import schedule_writes, start_in
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.codec import TypedMapper
from sagaline.errors import SagaUnknown, SignalTooLate, UnfitValue
from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.message import Message
from sagaline.messaging.timers import SetTimer
from sagaline.saga.children import Call, TakeBack
from sagaline.saga.commanded import heard_in
from sagaline.saga.declaration import Declaration, saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.requests import commanded
from sagaline.saga.scheduled import ScheduleDue
from sagaline.saga.step_timers import Timing
from sagaline.saga.timers import LocksFreed, ReminderDue, StepDue, StepTimedOut
from sagaline.saga.versions import version_for
from sagaline.storage import Datastore
from sagaline.storage.tables.saga_locks import blocking_request, request_locks


class HandlingProcess(HandlingApplication, Protocol):
    """What the handling of messages needs of a process application."""

    saga: type[Saga]
    timings: Mapping[str, Timing]
    takes_locks: bool

    @property
    def datastore(self) -> Datastore:
        """The store of its log."""

    @property
    def mapper(self) -> TypedMapper:
        """The mapper of its log."""

    @property
    def repository(self) -> UnitOfWorkRepository:
        """The journals of its instances."""


class SagaHandling(MessageHandling):
    """Handles messages for all instances of one saga class.

    Each instance has a stream of its own in the log of the process application: its journal.
    """

    application: HandlingProcess

    def __init__(self, application: HandlingProcess, new_unit: Callable[[], UnitOfWork]) -> None:
        super().__init__(application, new_unit)
        self.saga = saga_declaration(application.saga)
        """What the saga declares: by it, instances start."""
        self.runs = SagaRuns(application.name, self._find)
        """Finds the journals of its instances."""
        self._inputs: dict[int, SagaInput] = {}

    @override
    def key_of(self, message: Message) -> str | None:
        """The key of the instance that a message is for; None where it is for none."""
        return self._input(message).key

    @override
    def aggregates_for(self, messages: Iterable[Message]) -> list[UUID]:
        """The journals of the instances that a batch is for."""
        self._inputs.clear()
        keys: set[str | None] = set()
        for each in messages:
            with suppress(UnfitValue):  # `handle` raises it, so that this event alone is parked
                keys.add(self.key_of(each))
        return [journal_id(self.application.name, key) for key in keys if key is not None]

    @override
    def further_aggregates(self, unit: UnitOfWork, ids: Sequence[UUID]) -> list[UUID]:
        """The journals of the last runs of a batch's keys, where they have had several."""
        return last_run_ids(unit.find(ids)) if self.saga.head.again else []

    @override
    def call_ports(self, messages: Iterable[Message]) -> PortAnswers:
        """Returns no port answers: sagas issue commands and never call ports."""
        return NO_ANSWERS

    @override
    def handle(self, message: Message, answers: Mapping[int, Any]) -> Iterable[Any]:
        """Handles one input of one instance; returns its journal, to be saved."""
        given = self._input(message)
        key, event = given.key, given.heard
        if isinstance(event, ScheduleDue):
            self.unit.add_write(schedule_writes(self.application, event, self.clock()))
        if key is None:
            return ()
        is_start = self.saga.is_start(event)
        request = None if message.answers is None else UUID(message.answers)
        found = journal = self.runs.addressed(key, event, None if is_start else request)
        was_open = journal is None or not journal.state.ended
        call = given.call(event.reason) if isinstance(event, TakeBack) else None
        if call is not None:
            journal = journal or Journal.await_start(self.application.name, key)
            engine = self._engine(journal)
            engine.take_back(call)
        elif is_start:
            journal, engine = self._started(journal, key, given.event, given.call())
            was_open = was_open or journal is not found
        elif self._is_reply_to_another(journal, event, request):
            if journal is None or not journal.started or journal.state.ended:
                return ()
            engine = self._engine(journal)
            engine.ignore_reply(event)
        elif self._is_relevant(journal, event):
            journal = journal or Journal.await_start(self.application.name, key)
            engine = self._engine(journal)
            self._handle_input(journal, engine, event, request)
        else:
            return ()
        self.finish(journal, engine, was_open)
        return (journal,)

    @override
    def report(self, messages: Iterable[Message]) -> None:
        """Logs the instances that are parked."""
        log_parked_sagas(self.application.name, messages, self.application.mapper)

    def journal_of(self, key: str, run: int | None = None) -> Journal | None:
        """The journal of a run of a key, or of its last one; None where there is none."""
        return self.runs.last(key) if run is None else self.runs.run(key, run)

    def finish(self, journal: Journal, engine: SagaEngine, was_open: bool) -> None:
        """Sets the timers that follow, and releases the locks of an instance that has ended."""
        for change in engine.timers:
            self.unit.change_timer(change)
        if was_open and journal.locks and journal.state.ended:
            name, trace, now = self.application.name, self.unit.trace, self.clock()
            self.unit.add_write(lambda c: release_and_wake(c, name, journal.key, trace, now))

    def start_by(self, command: Command) -> Journal:
        """Starts an instance by a command that an application or a client gives."""
        key = self.saga.instance_key(command)
        self.unit.trace = self.unit.trace._replace(key=key)
        journal, engine = self._started(self.journal_of(key), key, commanded(command), None)
        self.finish(journal, engine, was_open=True)
        return journal

    def signal(self, command: Command) -> Journal:
        """Tells an instance what a caller gives. Raises SagaUnknown and SignalTooLate."""
        key = command.key or ""
        journal = self.journal_of(key)
        if journal is None or not journal.started:
            raise SagaUnknown(id=key)
        engine, name = self._engine(journal), type(command).__name__
        declared = self._declared(journal)
        if type(command) in declared.signals.values():
            reason = engine.handle_signal(commanded(command))
        else:
            reason = f"its definition, {declared.saga}, has no such signal"
        if reason is not None:
            raise SignalTooLate(saga=self.application.name, key=key, signal=name, reason=reason)
        self.finish(journal, engine, was_open=True)
        return journal

    def _input(self, message: Message) -> SagaInput:
        # Once for each batch: its key is needed to read the journals, and twice to handle it.
        found = self._inputs.get(id(message))
        if found is None:
            event = start_in(message)
            heard = heard_in(event)
            key = self._key_for(message, heard)
            found = self._inputs[id(message)] = SagaInput(key, heard, event, message)
        return found

    def _key_for(self, message: Message, event: Any) -> str | None:
        """The key of the instance that an input is for; None where it is for another saga's."""
        if isinstance(event, TakeBack | Journal.Replied):
            if event.saga != self.application.name:
                return None
            return event.saga_key if isinstance(event, TakeBack) else event.key
        return self.saga.key_in(event) or message.key

    def _find(self, id: UUID) -> Journal | None:
        (journal,) = self.application.repository.find(Journal, [id])
        return journal

    def _declared(self, journal: Journal | None) -> Declaration:
        """What an instance goes on by."""
        if journal is None or not self.saga.versions:
            return self.saga
        return saga_declaration(version_for(self.application.saga, journal.fingerprint))

    def _engine(self, journal: Journal) -> SagaEngine:
        return SagaEngine(self.application.saga, journal, self.application.timings)

    def _started(
        self, journal: Journal | None, key: str, event: Any, call: Call | None
    ) -> tuple[Journal, SagaEngine]:
        """Starts an instance. The first start counts; answers that came before it were kept.

        `call` is the request of a saga that it is a step of.
        """
        shape = self.saga.fingerprint, self.saga.steps
        if journal is None:
            journal = Journal.start(self.application.name, key, event, *shape)
        elif self.saga.head.again and journal.state.ended:
            journal = self.runs.start_next(journal, event, *shape)
        elif journal.started:
            engine = self._engine(journal)
            if call is not None:
                engine.refuse_call(call)
            else:
                engine.ignore_start(event)
            return journal, engine
        else:
            journal.start_late(event, *shape)
        engine = self._engine(journal)
        if call is not None:
            engine.note_call(call)
        names = engine.queue_for_locks() if self.application.takes_locks else ()
        if names:
            self._request_locks(key, names)
        else:
            engine.start()
        return journal, engine

    def _request_locks(self, key: str, names: Iterable[str]) -> None:
        name, now = self.application.name, self.clock().timestamp()
        self.unit.add_write(lambda c: request_locks(c, name, key, names, now))
        # The next hop reads the queues: by then the requests of other instances are on disk.
        first = SetTimer(f"{key}:locks", timedelta(0), LocksFreed(saga_key=key))
        self.unit.change_timer(first)

    def _handle_input(
        self, journal: Journal, engine: SagaEngine, event: Any, request: UUID | None
    ) -> None:
        if isinstance(event, LocksFreed):
            self._start_if_first(journal, engine)
        elif isinstance(event, StepTimedOut):
            engine.handle_timeout(event.step)
        elif isinstance(event, StepDue):
            engine.handle_pause_end(event.step)
        elif isinstance(event, Journal.Replied):
            engine.handle_reply(event)
        elif isinstance(event, ReminderDue):
            engine.handle_reminder(event.step, event.number)
        else:
            engine.handle_answer(event, request)

    def _start_if_first(self, journal: Journal, engine: SagaEngine) -> None:
        """Starts the first step, if the instance is the first in the queue of each lock."""
        if journal.steps or journal.state.ended or journal.compensating:
            return
        with self.application.datastore.read() as connection:
            other = blocking_request(connection, self.application.name, journal.key)
        locks = self._declared(journal).locks
        if other is None:
            engine.start()
        elif locks is not None and not locks.wait:
            engine.refuse_start(f"{other.name} is held by {other.saga} {other.key}")

    def _is_reply_to_another(
        self, journal: Journal | None, event: Any, request: UUID | None
    ) -> bool:
        """Whether an event of a participant answers a command that another saga has given.

        Events of before the envelope had `answers` are heard by their key alone. A timer of a saga
        that is a step of another has the command of that one in its envelope, and is no answer.
        """
        declared = self._declared(journal)
        meaning = declared.meanings[type(event)]
        if request is None or meaning is None or meaning in declared.of_others:
            return False
        return journal is None or request not in journal.requests

    def _is_relevant(self, journal: Journal | None, event: Any) -> bool:
        """A fault names its command, which another saga with the same key may have given."""
        if isinstance(event, CommandFaulted):
            return journal is not None and event.command_id in journal.requests
        if isinstance(event, Journal.Replied):
            return journal is not None and event.request in journal.requests
        return journal is not None or self.saga.meanings[type(event)] is not None
