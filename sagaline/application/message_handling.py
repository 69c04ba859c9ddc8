"""How the engine handles messages with the handlers that an application declares."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import EventStore

from sagaline.application.aggregate_cache import DEFAULT_LIMITS, CacheLimits
from sagaline.application.calls_under_way import CallsUnderWay, Question
from sagaline.application.declaration import declaration_of
from sagaline.application.handlers import Handler
from sagaline.application.ownership import Ownership, has_past, refuse_unread
from sagaline.application.port_fault_log import PortFaultLog, log_repeat
from sagaline.application.reactions import RepeatCommand
from sagaline.application.refusals import refusal
from sagaline.application.results import is_savable, refuse_unsavable
from sagaline.application.retry_on_conflict import MAX_COMMAND_ATTEMPTS
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.errors import NoUnitOfWork
from sagaline.followers.timers import timer_of
from sagaline.messaging.backoff import Backoff
from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.lazy import flattened
from sagaline.messaging.message import Message
from sagaline.messaging.timers import SetTimer
from sagaline.ports.fault import PortFault
from sagaline.saga.instance import Journal
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.sql.read_only import ReadOnly, read_only

PORT_RETRY_PAUSE = timedelta(seconds=5)
"""How long a command that a timer gave waits after its port has failed for the first time."""

PORT_RETRIES: Final = Backoff(PORT_RETRY_PAUSE.total_seconds(), longest=600.0)
"""The pauses between the attempts at a timer's command, whose number has no limit."""


class HandlingApplication(Protocol):
    """What the engine calls on an application."""

    @property
    def name(self) -> str:
        """The application's name."""

    @property
    def events(self) -> EventStore[Any]:
        """The event store over its log."""

    def faulted(self, command: Command, reason: str) -> Iterable[Any]:
        """What to save after the port of a command has failed, where no saga retries it."""


class PortAnswers(NamedTuple):
    """Answers of ports by id of message, and the messages whose answer is not there yet."""

    answers: Mapping[int, Any]
    waiting: Sequence[Message]


NO_ANSWERS: Final = PortAnswers({}, ())

Task = tuple[Command | None, int, Message]
"""What a message asks of an application: a command, None for none, and which attempt it is."""


class MessageHandling:
    """Handles messages for one application, each in the current unit of work.

    It is an object of its own, so that no method or attribute of a user's application can take the
    place of the engine's. `clock` gives the present time. A runner sets the clock and the limits.
    """

    def __init__(
        self, application: HandlingApplication, new_unit: Callable[[], UnitOfWork]
    ) -> None:
        self.application = application
        self.declaration = declaration_of(type(application))
        """What the application declares."""
        self.new_unit = new_unit
        """Makes an empty unit of work on the application's log."""
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.calls = CallsUnderWay(application, self.asked)
        """The calls of its ports."""
        self.port_faults = PortFaultLog(application)
        self.cache_limits: CacheLimits = DEFAULT_LIMITS
        self.command_attempts = MAX_COMMAND_ATTEMPTS
        self.ownership = Ownership(self.declaration.aggregates, {})
        """Which aggregates it saves."""
        self._tasks: dict[int, Task] = {}

    @property
    def current(self) -> UnitOfWork | None:
        """The current unit of work; None outside a handler of this application."""
        entered = read_only()
        if isinstance(entered, _Working) and entered.handling is self:
            return entered.unit
        return None

    @property
    def unit(self) -> UnitOfWork:
        """The current unit of work. Raises NoUnitOfWork outside a handler."""
        unit = self.current
        if unit is None:
            raise NoUnitOfWork(application=self.application.name)
        return unit

    def working(self, unit: UnitOfWork) -> ReadOnly:
        """Makes a unit of work the current one, which the repository reads through.

        It is for the code of a handler, which writes by that unit alone.
        """
        return _Working(self, unit)

    def key_of(self, message: Message) -> str | None:
        """The key of the business transaction that a message belongs to."""
        command = self.command_of(message)
        return message.key if command is None else command.key or message.key

    def answered_by(self, message: Message) -> str | None:
        """The id of the saga's command that what follows from a message answers; None for none.

        A timer carries it on: an application may answer later.
        """
        if not message.id:
            return message.answers
        event = message.event
        return str(event.command.id) if isinstance(event, Journal.Requested) else None

    def aggregates_for(self, messages: Iterable[Message]) -> list[UUID]:
        """The aggregates that the handlers of a batch will read, as they declare."""
        self._tasks.clear()
        commands = [self.command_of(each) for each in messages]
        return self.loads([each for each in commands if each is not None])

    def further_aggregates(self, unit: UnitOfWork, ids: Sequence[UUID]) -> list[UUID]:
        """The aggregates that the handlers will read too, known once those of `ids` are read."""
        return []

    def loads(self, commands: Iterable[Command]) -> list[UUID]:
        """The aggregates that the handlers of commands will read, as they declare."""
        handlers = self.declaration.handlers
        all_loads = [(handlers[type(each)].loads, each) for each in commands]
        found = [loads(each) for loads, each in all_loads if loads is not None]
        return flattened(found, f"loads= of a handler of {self.application.name}")

    def call_ports(self, messages: Iterable[Message]) -> PortAnswers:
        """Asks the ports that the handlers of these messages need; what they answer at once."""
        questions = [each for each in map(self._question, messages) if each is not None]
        if not questions:
            return NO_ANSWERS
        answers = self.calls.ask(questions)
        waiting = [each.message for each in questions if id(each.message) not in answers]
        return PortAnswers(answers, waiting)

    def asked(self, message: Message) -> tuple[str, int] | None:
        """The name of the command in a message, and its attempt, once the batch has read it."""
        command, attempt, _ = self._tasks.get(id(message), (None, 1, message))
        return None if command is None else (type(command).__name__, attempt)

    def handle(self, message: Message, answers: Mapping[int, Any]) -> Iterable[Any]:
        """Handles one message in the current unit of work; returns what is to be saved."""
        command = self.command_of(message)
        if command is None:
            return ()
        handler = self.declaration.handlers[type(command)]
        self.unit.attempt = self._task(message)[1]
        given: tuple[Any, ...] = ()
        if handler.port_call is not None:
            given = (answers[id(message)],)
            if isinstance(given[0], PortFault):
                return self._faulted(message, command, given[0])
        if handler.refuses:
            return self._results_or_refusal(handler, command, *given)
        return self.results_of(handler, command, *given)

    def results_of(self, handler: Handler[Any], *arguments: Any) -> Iterable[Any]:
        """The aggregates and events that a handler returns, to be saved.

        Raises NotStorable for anything else, and NeverRun for a coroutine or a generator.
        """
        return self._results(handler, handler.function(self.application, *arguments))

    def _results(self, handler: Handler[Any], returned: Any) -> Iterable[Any]:
        if returned is None:
            return ()
        results = returned if isinstance(returned, list | tuple) else (returned,)
        if not all(map(is_savable, results)):
            refuse_unsavable(results, handler.name_in(self.application))
        touched = self.unit.touched
        for each in results:
            # What was read here is its own, and so is what is new: these are the usual cases.
            if id(each) not in touched and (self.ownership[type(each)] or has_past(each)):
                self.refuse_foreign([each], handler.name_in(self.application))
        return results

    def _results_or_refusal(
        self, handler: Handler[Any], command: Command, *answer: Any
    ) -> Iterable[Any]:
        """As `results_of`; an error that is declared as a refusal becomes its event."""
        unit = self.unit
        mark = unit.mark()
        try:
            return self.results_of(handler, command, *answer)
        except Exception as error:
            refusing = handler.refuses[type(error)]
            raise_store_failure(error)
            if refusing is None:
                raise
            read = unit.find(list(unit.roll_back_to(mark)))
            where = handler.name_in(self.application)
            return self._results(handler, refusal(refusing, command, error, read, where))

    def refuse_foreign(self, given: Iterable[Any], where: str) -> None:
        """Raises NotStorable for what belongs to the log of another application."""
        self.ownership.refuse_others(given, where)
        refuse_unread(given, self.current, self.application.events, where)

    def report(self, messages: Iterable[Message]) -> None:
        """Logs what a person should know of the messages that are committed: of none here."""

    def command_of(self, message: Message) -> Command | None:
        """The command in a message, or the one that a reaction makes of it; None for none."""
        return self._task(message)[0]

    def _task(self, message: Message) -> Task:
        # Once for each batch: it is needed to read aggregates, to call ports, and to handle.
        task = self._tasks.get(id(message))
        if task is None:
            task = self._tasks[id(message)] = self._new_task(message, message.event)
        return task

    def _new_task(self, message: Message, event: Any) -> Task:
        reaction = self.declaration.reaction_to[type(event)]
        if reaction is not None:
            return reaction(self.application, event), 1, message
        if isinstance(event, Journal.Requested):
            return event.command, event.attempt, message
        if isinstance(event, RepeatCommand):
            return event.command(), event.attempt, message
        return event, 1, message

    def _faulted(self, message: Message, command: Command, fault: PortFault) -> Iterable[Any]:
        """Records the fault for the saga, which retries; a timer's command is set again."""
        self.port_faults.report(message, command, self.unit.attempt, fault)
        is_of_saga = isinstance(message.event, Journal.Requested)
        if is_of_saga or self.declaration.reactions:
            recorded = CommandFaulted.of(command, self.unit.attempt, fault.reason)
            if is_of_saga:
                # To the instance that gave the command, whatever key the command names.
                self.unit.trace = self.unit.trace._replace(key=message.key)
                return [recorded]
            retried = self.application.faulted(command, fault.reason)
            return [recorded, *flattened([retried], f"{self.application.name}.faulted")]
        self._set_again(timer_of(message), command)
        return ()

    def _set_again(self, timer: str, command: Command) -> None:
        """Sets the timer of a command again: its port has failed."""
        attempt = self.unit.attempt
        pause = PORT_RETRIES.pause(attempt)
        log_repeat(self.application.name, command, timer, pause)
        again = RepeatCommand.of(command, attempt + 1)
        self.unit.change_timer(SetTimer(timer, timedelta(seconds=pause), again))

    def _question(self, message: Message) -> Question | None:
        command, attempt, _ = self._task(message)
        if command is None:
            return None
        handler = self.declaration.handlers[type(command)]
        return None if handler.port_call is None else Question(message, command, attempt)


class _Working(ReadOnly):
    """Makes a unit of work the current one while it is entered: once for each message."""

    __slots__ = ("handling", "unit")

    def __init__(self, handling: MessageHandling, unit: UnitOfWork) -> None:
        self.name = handling.application.name
        self.handling = handling
        self.unit = unit


def handling_of(application: Any) -> MessageHandling:
    """The message handling of an application."""
    handling: MessageHandling = application._sagaline
    return handling
