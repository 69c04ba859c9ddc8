"""Executing commands that a caller gives: one transaction, and a receipt for each command."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from eventsourcing.system import RecordingEvent, RecordingEventReceiver

from sagaline.application.command_digest import digest_of, is_digest_of
from sagaline.application.message_handling import MessageHandling
from sagaline.application.receipt import Receipt
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.codec import unshared
from sagaline.errors import CommandConflict, NotHandled, WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import Trace, position
from sagaline.storage import Datastore
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.known_commands import KnownCommand, KnownCommands


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
        check_commands(application.name, commands, handling.declaration.handlers)
        self._digests = [digest_of(each) for each in commands]
        self._sizes: dict[UUID, tuple[str, int]] = {}
        """Command id -> its digest, and the number of events of the unit up to its last event."""
        self._refused: dict[int, BaseException] = {}
        self._new: dict[UUID, KnownCommand] = {}

    def receipts(self) -> list[Receipt]:
        """Executes the commands and returns the receipts, in order of the commands.

        Raises where the store does not answer, and IntegrityError where another writer was first;
        nothing is written then. Raises CommitUnknown where that is not known: execute the same
        commands again.
        """
        ids = [each.id for each in self._commands]
        with self._application.datastore.read() as connection:
            known = KnownCommands(connection, self._application.name, ids)
        unit = self._handling.new_unit()
        with self._handling.working(unit):
            unit.prefetch(self._handling.loads(self._commands))
        for index, command in enumerate(self._commands):
            if command.id not in known.found and command.id not in self._sizes:
                self._try(unit, index, command)
        self._write(unit, known)
        found = {**known.found, **self._new}
        return [self._receipt(index, found) for index in range(len(self._commands))]

    def _try(self, unit: UnitOfWork, index: int, command: Command) -> None:
        before = unit.mark()
        try:
            self._execute(unit, command)
        except BaseException as error:
            raise_interruption(error)
            raise_store_failure(error)
            unit.roll_back_to(before)
            self._refused[index] = error
        else:
            size = unit.size if unit.size > before.events else 0
            self._sizes[command.id] = (self._digests[index], size)

    def _execute(self, unit: UnitOfWork, command: Command) -> None:
        # A copy where it can change: after a conflict the caller's is executed again.
        command = unshared(command)
        handler = self._handling.declaration.handlers[type(command)]
        unit.trace = Trace(command.key, f"command:{command.id}", 0)
        answers: Sequence[Any] = ()
        if handler.port_call is not None:
            # Outside of the unit of work, as for a follower: a port may write where it likes.
            answers = self._handling.calls.answer_now(handler, unshared(command))
            if isinstance(answers[0], BaseException):
                raise answers[0]
        with self._handling.working(unit):
            unit.record(self._handling.results_of(handler, command, *answers))

    def _write(self, unit: UnitOfWork, known: KnownCommands) -> None:
        with self._application.datastore.write() as connection:
            if unit.changes_timers:
                # A runner that is about to fire one of them must read the timers again.
                raise_fence(connection, self._application.name)
            ids = unit.write(connection)
            self._new = {
                each: KnownCommand(digest, ids[size - 1] if size else None)
                for each, (digest, size) in self._sizes.items()
            }
            known.remember(connection, self._new, self._handling.clock().timestamp())
        wake(self._application)
        unit.after_commit()

    def _receipt(self, index: int, found: Mapping[UUID, KnownCommand]) -> Receipt:
        if index in self._refused:
            return Receipt(None, error=self._refused[index])
        command = self._commands[index]
        first, name = found[command.id], self._application.name
        place = None if first.position is None else position(name, first.position)
        if not self._is_same(first.digest, index):
            return Receipt(place, error=CommandConflict(command_id=str(command.id)))
        return Receipt(place, duplicate=self._new.pop(command.id, None) is None)

    def _is_same(self, digest: str, index: int) -> bool:
        """Whether a stored digest is that of the command at this index."""
        handled = self._handling.declaration.handlers
        return digest == self._digests[index] or is_digest_of(
            digest, self._commands[index], handled
        )


def check_commands(application: str, commands: Any, handled: Mapping[type, object]) -> None:
    """Refuses what is no list of commands that the application handles.

    Raises WrongCall, and NotHandled for a command that no method handles.
    """
    where, cure = f"{application}.execute", "Give it a list of commands, or one to execute_one."
    if not isinstance(commands, list | tuple):
        raise WrongCall(where=where, problem=f"{named(commands)} is no list", cure=cure)
    for each in commands:
        if type(each) not in handled:
            if not isinstance(each, Command):
                raise WrongCall(where=where, problem=f"{named(each)} is no command", cure=cure)
            name = type(each).__name__
            cure = f"add a method marked @handles({name}), or give it to the one that does."
            raise NotHandled(application=application, command=name, cure=cure)


def wake(application: ExecutingApplication) -> None:
    """Tells the followers in this process that there are new events."""
    for follower in application.followers:
        follower.receive_recording_event(RecordingEvent(application.name, [], None))
