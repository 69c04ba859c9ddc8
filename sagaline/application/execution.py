"""Executing commands that a caller gives: one transaction, and a receipt for each command."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from eventsourcing.system import RecordingEvent, RecordingEventReceiver

from sagaline.application.message_handling import MessageHandling, as_results
from sagaline.application.receipt import Receipt
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.errors import CommandConflict
from sagaline.messaging.commands import Command
from sagaline.messaging.message import Trace, position
from sagaline.storage import Datastore
from sagaline.storage.sql.errors import STORE_FAILURES
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.known_commands import KnownCommand, known_commands, remember_commands


class ExecutingApplication(Protocol):
    """Where commands are executed."""

    followers: list[RecordingEventReceiver[UUID]]

    @property
    def name(self) -> str:
        """The application's name."""

    @property
    def datastore(self) -> Datastore:
        """The store of its log."""


class Execution:
    """Executes one sequence of commands. A refused command does not stop the others."""

    def __init__(
        self,
        application: ExecutingApplication,
        handling: MessageHandling,
        commands: Sequence[Command],
    ) -> None:
        self._application = application
        self._handling = handling
        self._commands = commands
        self._digests = [digest_of(each) for each in commands]
        self._sizes: dict[UUID, tuple[str, int]] = {}
        """Command id -> its digest, and the number of events of the unit up to its last event."""
        self._refused: dict[int, Exception] = {}
        self._new: dict[UUID, KnownCommand] = {}

    def receipts(self) -> list[Receipt]:
        """Executes the commands and returns the receipts, in order of the commands.

        Raises where the store does not answer, and IntegrityError where another writer was first;
        nothing is written then.
        """
        with self._application.datastore.read() as connection:
            known = known_commands(connection, [each.id for each in self._commands])
        unit = self._handling.new_unit()
        with self._handling.working(unit):
            unit.prefetch([id_ for each in self._commands for id_ in self._handling.loads(each)])
            for index, command in enumerate(self._commands):
                if command.id not in known and command.id not in self._sizes:
                    self._try(unit, index, command)
        self._write(unit)
        known.update(self._new)
        return [self._receipt(index, known) for index in range(len(self._commands))]

    def _try(self, unit: UnitOfWork, index: int, command: Command) -> None:
        before = unit.mark()
        try:
            self._execute(unit, command)
        except STORE_FAILURES:
            raise
        except Exception as error:
            unit.roll_back_to(before)
            self._refused[index] = error
        else:
            size = unit.size if unit.size > before.events else 0
            self._sizes[command.id] = (self._digests[index], size)

    def _execute(self, unit: UnitOfWork, command: Command) -> None:
        handler = self._handling.declaration.handlers[type(command)]
        application = self._handling.application
        unit.trace = Trace(command.key, f"command:{command.id}", 0)
        if handler.port_call is None:
            results = handler.function(application, command)
        else:
            (answer,) = handler.answers(application, [command])
            if isinstance(answer, Exception):
                raise answer
            results = handler.function(application, command, answer)
        unit.record(as_results(results))

    def _write(self, unit: UnitOfWork) -> None:
        name = self._application.name
        with self._application.datastore.write() as connection:
            if unit.changes_timers:
                # A runner that is about to fire one of them must read the timers again.
                raise_fence(connection, name)
            ids = unit.write(connection)
            self._new = {
                each: KnownCommand(digest, ids[size - 1] if size else None, name)
                for each, (digest, size) in self._sizes.items()
            }
            remember_commands(connection, self._new)
        wake(self._application)
        unit.after_commit()

    def _receipt(self, index: int, known: Mapping[UUID, KnownCommand]) -> Receipt:
        if index in self._refused:
            return Receipt(None, error=self._refused[index])
        command = self._commands[index]
        first = known[command.id]
        place = None if first.position is None else position(first.application, first.position)
        if first.digest != self._digests[index]:
            return Receipt(place, error=CommandConflict(command_id=str(command.id)))
        return Receipt(place, duplicate=self._new.pop(command.id, None) is None)


def wake(application: ExecutingApplication) -> None:
    """Tells the followers in this process that there are new events."""
    for follower in application.followers:
        follower.receive_recording_event(RecordingEvent(application.name, [], None))


def digest_of(command: Command) -> str:
    """A hash of a command's class and content, by which a repeated id is compared."""
    content = f"{type(command).__qualname__} {command.model_dump_json(exclude={'id'})}"
    return hashlib.sha256(content.encode()).hexdigest()[:32]
