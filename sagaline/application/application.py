"""Applications: one bounded context each, with its aggregates and its log."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, cast
from uuid import UUID

from eventsourcing.application import Repository
from eventsourcing.persistence import EventStore, Mapper
from eventsourcing.system import ProcessApplication, RecordingEvent
from eventsourcing.utils import EnvType

from sagaline.application.handlers import Handler
from sagaline.application.port_calls import PortCalls, PortFault, split_answer
from sagaline.application.reactions import Reaction, RepeatCommand, reactions_of
from sagaline.application.receipt import Receipt
from sagaline.application.repository import UnitOfWorkRepository
from sagaline.application.retry_on_conflict import retry_on_conflict
from sagaline.application.snapshots import Snapshots
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.codec import TypedMapper, type_snapshots
from sagaline.errors import CommandConflict, DefinitionError, PortGivenUp
from sagaline.followers.timers import timer_of
from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.message import Message, Trace, position
from sagaline.messaging.retry import Retry
from sagaline.messaging.timers import CancelTimer, SetTimer
from sagaline.saga.instance import Journal
from sagaline.storage import AggregateRecorder, Datastore, ProcessRecorder
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.known_commands import KnownCommand, known_commands, remember_commands

PORT_PAUSE = timedelta(seconds=5)
"""How long a timer's command waits when the port that it asks has failed."""


class Application(ProcessApplication[UUID]):
    """An event-sourced application that handles commands, in batches.

    Subclass it with the aggregates that it owns, and mark its methods with `@handles`, and with
    `@reacts_to` where no saga leads. It is an upstream `ProcessApplication`: it follows the logs of
    the sagas that give it commands, and of the applications whose events it reacts to, and records
    what follows from them together with its position.
    """

    aggregates: ClassVar[Sequence[type]] = ()
    handlers: ClassVar[Mapping[type, Handler[Any]]] = {}
    reactions: ClassVar[Mapping[type, Reaction]] = {}
    answers_faults: ClassVar[bool] = False

    retry: Retry = Retry()
    """How often, and how soon, what followed from a reaction is tried again when a port fails."""

    recorder: ProcessRecorder

    def __init_subclass__(cls, *, aggregates: Sequence[type] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if aggregates is not None:
            cls.aggregates = tuple(aggregates)
        _refuse_reserved(cls)
        _type_snapshots(cls)
        cls.handlers = {**cls.handlers, **_handlers(cls)}
        cls.reactions = reactions_of(cls)
        cls.answers_faults = any(each.asking for each in cls.handlers.values())

    def __init__(self, env: EnvType | None = None) -> None:
        self._unit: ContextVar[UnitOfWork | None] = ContextVar(f"unit of {self.name}", default=None)
        self._commands: dict[int, Command | None] = {}
        self.asking = PortCalls(self.name)
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        super().__init__(env)

    @property
    def datastore(self) -> Datastore:
        """Where the log is."""
        return self.recorder.datastore

    @property
    def repository(self) -> UnitOfWorkRepository:
        """The aggregates, read through the current unit of work."""
        return cast("UnitOfWorkRepository", self._repository)

    def construct_mapper(self) -> Mapper[UUID]:
        """Plain typed JSON: see `TypedMapper`."""
        return self.factory.mapper(transcoder=self.construct_transcoder(), mapper_class=TypedMapper)

    def construct_repository(self) -> Repository[UUID]:
        """One that looks into the current unit of work first."""
        return UnitOfWorkRepository(
            self.events, cast("Snapshots | None", self.snapshots), self._unit.get
        )

    def construct_snapshot_store(self) -> EventStore[UUID]:
        """One that units of work read and write too: see `Snapshots`."""
        recorder = cast("AggregateRecorder", self.factory.aggregate_recorder(purpose="snapshots"))
        return Snapshots(self.mapper, recorder, self.recorder, self.snapshotting_intervals)

    def unit(self) -> UnitOfWork:
        """A new, empty unit of work on this application's log."""
        mapper = cast("TypedMapper", self.mapper)
        snapshots = cast("Snapshots | None", self.snapshots)
        return UnitOfWork(self.name, self.recorder, mapper, lambda: self.now(), snapshots)

    def set_timer(self, timer: SetTimer) -> None:
        """Inside a handler: gives a command to this application later, surviving crashes."""
        self._current().change_timer(timer)

    def cancel_timer(self, timer_id: str) -> None:
        """Inside a handler: takes a timer back; one that is not there is no error."""
        self._current().change_timer(CancelTimer(timer_id))

    def try_again(self, command: Command, after: timedelta, timer_id: str) -> None:
        """Inside a handler: gives itself the same command again later, as the next attempt."""
        self.set_timer(SetTimer(timer_id, after, RepeatCommand.of(command, self.attempt + 1)))

    def execute_one(self, command: Command) -> Receipt:
        """Executes one command and returns its receipt.

        Raises what the handler raises, having written nothing; `CommandConflict` where the id was
        used before for another content.
        """
        (receipt,) = self.execute([command])
        if receipt.error is not None:
            raise receipt.error
        return receipt

    def execute(self, commands: Sequence[Command]) -> list[Receipt]:
        """Executes commands in one transaction, each with its own receipt.

        A command that is refused writes nothing and does not stop the others. The same command id
        is one effect however often it is given. Raises where the store does not answer, which is
        no command's fault; nothing is written then.
        """
        return retry_on_conflict(lambda: self._execute(commands))

    def key_of(self, message: Message) -> str | None:
        """The business transaction that a message belongs to."""
        command = self.command_of(message)
        return message.key if command is None else command.key or message.key

    def prefetch(self, messages: Iterable[Message]) -> list[UUID]:
        """The aggregates that the handlers of these messages will want, as declared."""
        self._commands.clear()
        commands = [self.command_of(each) for each in messages]
        return [id_ for each in commands if each is not None for id_ in self._loads(each)]

    def ask(self, messages: Iterable[Message]) -> dict[int, Any]:
        """Asks the ports that the handlers of these messages need; answers by message."""
        parts: list[list[Message]] = []
        calls: list[Callable[[], Sequence[Any]]] = []
        for handler, asking in self._asking(messages).items():
            together = [asking] if handler.asks_at_once else [[each] for each in asking]
            for part in together:
                parts.append(part)
                commands = [self.command_of(each) for each in part]
                calls.append(partial(handler.answers, self, commands))
        answers: dict[int, Any] = {}
        for part, said in zip(parts, self.asking.ask(calls), strict=True):
            answers.update(zip(map(id, part), split_answer(said, len(part)), strict=True))
        return answers

    def handle(self, message: Message, answers: Mapping[int, Any]) -> Iterable[Any]:
        """Handles one message in the current unit: what is to be saved."""
        command = self.command_of(message)
        if command is None:
            return ()
        handler = self.handlers[type(command)]
        self._current().attempt = attempt_of(message)
        if handler.asking is None:
            return _many(handler.function(self, command))
        answer = answers[id(message)]
        if isinstance(answer, PortFault):
            return self._faulted(message, command, answer)
        return _many(handler.function(self, command, answer))

    @property
    def attempt(self) -> int:
        """Inside a handler: for which time the command is tried, from 1."""
        return self._current().attempt

    def command_of(self, message: Message) -> Command | None:
        """The command in a message, or what a reaction makes of it; None where that is nothing."""
        reaction = self.reactions.get(type(message.event))
        if reaction is None:
            return command_of(message)
        # Once for each batch: it is wanted to read ahead, to ask, and to handle.
        if id(message) not in self._commands:
            self._commands[id(message)] = reaction(self, message.event)
        return self._commands[id(message)]

    def faulted(self, command: Command, reason: str) -> Iterable[Any]:
        """Sees to a command whose port has failed, where no saga does: what is to be saved.

        It is tried again by a timer, with the same id, as `retry` says. Raises PortGivenUp when
        that is over, so that the event is parked until a person says how to go on.
        """
        pause = self.retry.pause(self.attempt)
        if pause is None:
            raise PortGivenUp(
                application=self.name,
                command=type(command).__name__,
                attempts=self.attempt,
                reason=reason,
            )
        self.try_again(command, pause, f"again:{command.id}")
        return ()

    def _faulted(self, message: Message, command: Command, fault: PortFault) -> Iterable[Any]:
        """A saga hears of a fault and tries again; nobody hears of a timer's, so it is set anew."""
        led = isinstance(message.event, Journal.Requested)
        if led or self.reactions:
            told = CommandFaulted.of(command, self.attempt, fault.reason)
            return [told, *(() if led else self.faulted(command, fault.reason))]
        self.set_timer(SetTimer(timer_of(message), PORT_PAUSE, command))
        return ()

    def working(self, unit: UnitOfWork) -> AbstractContextManager[None]:
        """Makes a unit the current one: what the repository reads is in it."""
        return _Working(self._unit, unit)

    def _asking(self, messages: Iterable[Message]) -> dict[Handler[Any], list[Message]]:
        """The messages whose handlers ask a port, by handler."""
        asking: dict[Handler[Any], list[Message]] = {}
        for message in messages:
            command = self.command_of(message)
            if command is not None and self.handlers[type(command)].asking is not None:
                asking.setdefault(self.handlers[type(command)], []).append(message)
        return asking

    def _current(self) -> UnitOfWork:
        unit = self._unit.get()
        if unit is None:
            raise LookupError("Timers are set and cancelled inside a handler.")
        return unit

    def _execute(self, commands: Sequence[Command]) -> list[Receipt]:
        with self.datastore.read() as connection:
            known = known_commands(connection, [each.id for each in commands])
        unit = self.unit()
        digests = [_digest(each) for each in commands]
        sizes: dict[UUID, tuple[str, int]] = {}
        refused: dict[int, Exception] = {}
        with self.working(unit):
            unit.prefetch([each for command in commands for each in self._loads(command)])
            for index, command in enumerate(commands):
                if command.id in known or command.id in sizes:
                    continue
                before = unit.mark()
                try:
                    self._execute_in(unit, command)
                except STORAGE_FAULTS:
                    raise
                except Exception as error:
                    unit.take_back(before)
                    refused[index] = error
                else:
                    size = unit.size if unit.size > before.events else 0
                    sizes[command.id] = (digests[index], size)
        fresh = self._write(unit, sizes)
        known.update(fresh)
        return [
            self._receipt(command, digests[index], known, refused.get(index), fresh)
            for index, command in enumerate(commands)
        ]

    def _write(
        self, unit: UnitOfWork, sizes: Mapping[UUID, tuple[str, int]]
    ) -> dict[UUID, KnownCommand]:
        with self.datastore.write() as connection:
            if unit.changes_timers:
                # A runner may be about to fire one of them: it must look again.
                raise_fence(connection, self.name)
            ids = unit.write(connection)
            fresh = {
                each: KnownCommand(digest, ids[size - 1] if size else None, self.name)
                for each, (digest, size) in sizes.items()
            }
            remember_commands(connection, fresh)
        for follower in self.followers:
            follower.receive_recording_event(RecordingEvent(self.name, [], None))
        unit.after_commit()
        return fresh

    def _loads(self, command: Command) -> Iterable[UUID]:
        loads = self.handlers[type(command)].loads
        return () if loads is None else loads(command)

    def _execute_in(self, unit: UnitOfWork, command: Command) -> None:
        handler = self.handlers[type(command)]
        unit.trace = Trace(command.key, f"command:{command.id}", 0)
        if handler.asking is None:
            results = handler.function(self, command)
        else:
            (answer,) = handler.answers(self, [command])
            if isinstance(answer, Exception):
                raise answer
            results = handler.function(self, command, answer)
        unit.record(_many(results))

    def _receipt(
        self,
        command: Command,
        digest: str,
        known: Mapping[UUID, KnownCommand],
        error: Exception | None,
        fresh: dict[UUID, KnownCommand],
    ) -> Receipt:
        if error is not None:
            return Receipt(None, error=error)
        first = known[command.id]
        place = None if first.position is None else position(first.application, first.position)
        if first.digest != digest:
            return Receipt(place, error=CommandConflict(command_id=str(command.id)))
        return Receipt(place, duplicate=fresh.pop(command.id, None) is None)


class _Working:
    """A unit that is the current one for as long as this is entered: once for each message."""

    __slots__ = ("_token", "_unit", "_variable")

    _token: Token[UnitOfWork | None]

    def __init__(self, variable: ContextVar[UnitOfWork | None], unit: UnitOfWork) -> None:
        self._variable = variable
        self._unit = unit

    def __enter__(self) -> None:
        self._token = self._variable.set(self._unit)

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)


def command_of(message: Message) -> Command:
    """The command in a message: a saga's request, or a timer's."""
    event = message.event
    if isinstance(event, RepeatCommand):
        return event.command()
    command: Command = event.command if isinstance(event, Journal.Requested) else event
    return command


def attempt_of(message: Message) -> int:
    """For which time the command in a message is tried."""
    event = message.event
    return event.attempt if isinstance(event, Journal.Requested | RepeatCommand) else 1


def _many(results: Any) -> Iterable[Any]:
    if results is None:
        return ()
    return results if isinstance(results, list | tuple) else (results,)


def _digest(command: Command) -> str:
    content = f"{type(command).__qualname__} {command.model_dump_json(exclude={'id'})}"
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _refuse_reserved(cls: type) -> None:
    for name, each in vars(cls).items():
        if isinstance(each, Handler | Reaction) and hasattr(Application, name):
            raise DefinitionError(
                where=f"{cls.__name__}.{name}",
                problem="every application has a method of this name already",
                cure="Give it another name.",
            )


def _type_snapshots(cls: type[Application]) -> None:
    for aggregate, interval in cls.snapshotting_intervals.items():
        if interval < 1:
            raise DefinitionError(
                where=f"{cls.__name__}.snapshotting_intervals",
                problem=f"a snapshot of {aggregate.__name__} every {interval} events",
                cure="Give a number of events, as in `{Stock: 200}`.",
            )
        type_snapshots(aggregate)


def _handlers(cls: type) -> dict[type, Handler[Any]]:
    found: dict[type, Handler[Any]] = {}
    for each in vars(cls).values():
        if isinstance(each, Handler):
            if each.command in found:
                raise DefinitionError(
                    where=f"{cls.__name__}.{each.__name__}",
                    problem=f"a second handler of {each.command.__name__}",
                    cure="Keep one.",
                )
            found[each.command] = each
    return found
