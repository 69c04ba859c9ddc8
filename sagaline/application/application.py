"""Applications: one bounded context each, with its aggregates and its log."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast
from uuid import UUID

from eventsourcing.application import NotificationLog, Repository
from eventsourcing.persistence import EventStore, InfrastructureFactory, Recording
from eventsourcing.system import ProcessApplication, RecordingEventReceiver
from eventsourcing.utils import EnvType
from typing_extensions import override

from sagaline.application.declaration import Declaration, checked_aggregates, declare
from sagaline.application.execution import Execution, check_commands
from sagaline.application.message_handling import MessageHandling
from sagaline.application.reactions import RepeatCommand
from sagaline.application.receipt import Receipt
from sagaline.application.repository import UnitOfWorkRepository
from sagaline.application.reserved_names import (
    HOOKS,
    refuse_marked_hooks,
    refuse_replaced,
    refuse_second_name,
)
from sagaline.application.results import refuse_unsavable
from sagaline.application.retry_on_conflict import retry_on_conflict
from sagaline.application.snapshots import Snapshots
from sagaline.application.stored_encoding import record_encoding
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.codec import TypedMapper, shape_of, typed_mapper
from sagaline.errors import DefinitionError, PortGivenUp, WrongCall
from sagaline.messaging.class_body import Declaring
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import refuse_given, refuse_unknown_arguments, refuse_wrong
from sagaline.messaging.identity import Begin, check_identity
from sagaline.messaging.namespace import refuse_assigned, refuse_reserved
from sagaline.messaging.retry import Retry
from sagaline.messaging.script import has_no_module, name_as_imported, warn_of_script
from sagaline.messaging.timers import CancelTimer, SetTimer
from sagaline.storage import (
    AggregateRecorder,
    ApplicationRecorder,
    Datastore,
    Factory,
    ProcessRecorder,
    refuse_foreign_application,
)
from sagaline.storage.sql.finalizers import do_apart
from sagaline.storage.sql.read_only import refuse_in_handler


class Application(Declaring, ProcessApplication[UUID]):
    """An event-sourced application that handles commands, in batches.

    Subclass it with the aggregates that it owns, and mark its methods with `@handles`, and with
    `@reacts_to` where no saga leads. It is an upstream `ProcessApplication`: it follows the logs of
    the sagas that give it commands, and of the applications whose events it reacts to, and records
    what follows from them together with its position.

    Stores know an application by its `name`, which is that of the class unless one is given: give a
    renamed class its former name. `begin` says where an application that reacts to others starts in
    logs with history: at the "beginning", or "now". Without it, such a system does not run.

    A subclass may use any name that this class does not. Raises DefinitionError for the others, for
    a second handler of one command, and for a second reaction to one event.
    """

    aggregates: ClassVar[Sequence[type]] = ()
    """The aggregate classes that it owns: the events of these are recorded here."""

    retry: Retry = Retry()
    """How often, and how soon, what followed from a reaction is tried again when a port fails."""

    follow_topics: ClassVar[Sequence[str]]
    """Refused in a subclass, as `policy` is: write methods marked `@reacts_to`."""

    # What the library assigns in its own constructor.
    factory: InfrastructureFactory[Any]
    mapper: TypedMapper
    recorder: ProcessRecorder
    events: EventStore[UUID]
    snapshots: EventStore[UUID] | None
    followers: list[RecordingEventReceiver[UUID]]
    closing: Any
    readers: Any
    mappers: Any

    _sagaline: MessageHandling
    _sagaline_declaration: ClassVar[Declaration] = Declaration()
    _sagaline_handling: ClassVar[type[MessageHandling]] = MessageHandling

    def __init_subclass__(
        cls,
        *,
        aggregates: Sequence[type] | None = None,
        name: str | None = None,
        begin: Begin | None = None,
        **kwargs: Any,
    ) -> None:
        check_identity(cls.__name__, name, begin)
        if name is not None:
            refuse_second_name(cls, name)
            cls.name = name
        refuse_unknown_arguments(cls, kwargs, "aggregates=, name= and begin=")
        super().__init_subclass__()
        name_as_imported(cls.__module__, cls)
        refuse_marked_hooks(cls)
        refuse_reserved(cls, Application, HOOKS)
        if aggregates is not None:
            cls.aggregates = checked_aggregates(cls, aggregates)
        cls._sagaline_declaration = declare(cls, begin)

    def __init__(self, env: EnvType | None = None) -> None:
        refuse_assigned(self, Application)
        self._sagaline = self._sagaline_handling(self, self._new_unit)
        super().__init__(env)
        if isinstance(self.recorder, ApplicationRecorder):
            self._check_store()

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        refuse_replaced(self, name)
        super().__setattr__(name, value)

    @property
    def datastore(self) -> Datastore:
        """The store of its log. Raises WrongCall where it has none that commands can be in."""
        if not isinstance(self.recorder, ApplicationRecorder):
            raise WrongCall(
                where=self.name,
                problem="the PERSISTENCE_MODULE that it is given stores no commands",
                cure="Set PERSISTENCE_MODULE=sagaline.storage and SQLALCHEMY_URL, or use a Runner.",
            )
        return self.recorder.datastore

    @property
    def repository(self) -> UnitOfWorkRepository:
        """The aggregates, read through the current unit of work."""
        return cast("UnitOfWorkRepository", self._repository)

    @property
    def attempt(self) -> int:
        """Inside a handler: the number of the attempt at its command, from 1."""
        return self._sagaline.unit.attempt

    def now(self) -> datetime:
        """The present time by the clock of the runner: the server's on PostgreSQL."""
        return self._sagaline.clock()

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
        refuse_in_handler(f"execute commands of {self.name}")
        return retry_on_conflict(
            lambda: Execution(self, self._sagaline, commands).receipts(),
            self._sagaline.command_attempts,
        )

    @override
    def save(self, *objs: Any, **kwargs: Any) -> list[Recording[UUID]]:
        """Saves aggregates and events: at once, or inside a handler with what it returns.

        Inside a handler they are written in the transaction of its unit of work, with its key and
        cause, or not at all where it fails. They have no position before, so it returns no
        recordings there, and takes no arguments for the recorder. Raises NotStorable.
        """
        unit = self._sagaline.current
        given = [each for each in objs if each is not None]
        refuse_unsavable(given, f"{self.name}.save")
        self._sagaline.refuse_foreign(given, f"{self.name}.save")
        if unit is None:
            return super().save(*objs, **kwargs)
        if kwargs:
            refuse_in_handler(f"save with {', '.join(kwargs)}")
        unit.save(given)
        return []

    def set_timer(self, timer: SetTimer) -> None:
        """Inside a handler: gives a command to this application later, surviving crashes."""
        unit = self._sagaline.unit
        given: Any = timer
        if not isinstance(given, SetTimer):
            cure = "Write SetTimer('settle:1', minutes(5), command)."
            refuse_given(given, f"{self.name}.set_timer", cure)
        if not isinstance(timer.command, RepeatCommand):
            check_commands(self.name, [timer.command], self._sagaline.declaration.handlers)
        unit.change_timer(timer)

    def cancel_timer(self, timer_id: str) -> None:
        """Inside a handler: cancels a timer; one that is not there is no error."""
        self._sagaline.unit.change_timer(CancelTimer(timer_id))

    def try_again(self, command: Command, after: timedelta, timer_id: str) -> None:
        """Inside a handler: gives itself the same command again later, as the next attempt."""
        refuse_wrong(command, Command, f"{self.name}.try_again", "Give it the handler's command.")
        self.set_timer(SetTimer(timer_id, after, RepeatCommand.of(command, self.attempt + 1)))

    def faulted(self, command: Command, reason: str) -> Iterable[Any]:
        """Handles the fault of a port where no saga does: returns what is to be saved.

        A timer tries the command again, with the same id, as `retry` says. Raises PortGivenUp after
        the last attempt, so that the event is parked until an operator acts.
        """
        refuse_wrong(command, Command, f"{self.name}.faulted", "Give it the handler's command.")
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

    @override
    def follow(self, name: str, log: NotificationLog) -> None:
        """Raises DefinitionError: a runner of the library would move its position in vain."""
        raise DefinitionError(
            where=f"{self.name}.follow",
            problem=f"a runner of the library would pass the events of {name} over",
            cure="Put both into a sagaline.System, and run it with sagaline.Runner.",
        )

    @override
    def construct_recorder(self) -> ProcessRecorder:
        """The recorder of its log.

        Raises `StoreOfAnotherSystem` where the store's system has no application of this name.
        """
        if isinstance(self.factory, Factory):
            refuse_foreign_application(self.factory.datastore, self.name)
        recorder = cast("ProcessRecorder", super().construct_recorder())
        if isinstance(self.factory, Factory):
            recorder.samples.shape_of = shape_of
        return recorder

    @override
    def construct_mapper(self) -> TypedMapper:
        """Plain typed JSON: see `TypedMapper`."""
        return typed_mapper(self.factory, self.construct_transcoder())

    @override
    def construct_repository(self) -> Repository[UUID]:
        """One that reads through the current unit of work."""
        snapshots = cast("Snapshots | None", self.snapshots)
        return UnitOfWorkRepository(self.events, snapshots, lambda: self._sagaline.current)

    @override
    def construct_snapshot_store(self) -> EventStore[UUID]:
        """One that units of work read and write too: see `Snapshots`."""
        recorder = cast("AggregateRecorder", self.factory.aggregate_recorder(purpose="snapshots"))
        return Snapshots(self.mapper, recorder, self.recorder, self.snapshotting_intervals)

    def __del__(self) -> None:
        if hasattr(self, "factory") and not self.closing.is_set():
            do_apart(self.close)

    def _check_store(self) -> None:
        """Compares the keys with the store's, and warns of classes that no module defines."""
        try:
            record_encoding(self.name, self.recorder, self.mapper)
        except BaseException:
            self.close()
            raise
        if has_no_module(type(self)) and not self.datastore.is_sqlite_in_memory_db:
            warn_of_script(type(self), self.datastore.address)

    def _new_unit(self) -> UnitOfWork:
        mapper = self.mapper
        snapshots = cast("Snapshots | None", self.snapshots)
        limits = self._sagaline.cache_limits
        return UnitOfWork(self.name, self.recorder, mapper, self.now, snapshots, limits)
