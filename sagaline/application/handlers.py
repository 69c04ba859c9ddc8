"""How an application says which method handles which command."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, TypedDict, TypeVar, Unpack, overload
from uuid import UUID

from sagaline.application.receipt import Receipt
from sagaline.application.refusals import Refusing, checked_refusals
from sagaline.errors import DefinitionError, WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import (
    named,
    refuse_built_in,
    refuse_given,
    refuse_late,
    refuse_misfit,
    refuse_no_command,
)
from sagaline.messaging.lazy import is_coroutine, name_of, refuse_lazy, refuse_unrun
from sagaline.messaging.namespace import ApplicationPart
from sagaline.messaging.retry import Retry
from sagaline.ports.limits import Breaker, PortLimits, declared_limits

C = TypeVar("C", bound=Command)

_PLAIN_PORT: Final = "Write def, or async def, without yield."
_RUN_PORT: Final = "write an async def and await it there, or a def without yield"

Asking = TypeVar("Asking", bound=Callable[[Any, Any], Any])
AskingAll = TypeVar("AskingAll", bound=Callable[[Any, Any], Any])


class LimitsGiven(TypedDict, total=False):
    """The limits of a port as arguments: see `PortLimits`."""

    concurrency: int
    per_second: float
    timeout: timedelta
    retry: Retry
    breaker: Breaker


class Executor(Protocol):
    """What executes the commands of a handler when a caller invokes it: an application."""

    def execute_one(self, command: Command) -> Receipt:
        """Executes one command and returns its receipt."""


class Handler(ApplicationPart, Generic[C]):
    """One method of an application, and the command that it handles.

    The method returns what is to be saved: an aggregate, several, an event, or nothing; whatever
    it read through the repository and changed is saved too. Called by a person, the method
    executes the command and returns its `Receipt`; a follower calls it as part of a batch.
    """

    def __init__(
        self,
        command: type[C],
        function: Callable[..., Any],
        loads: Callable[[C], Iterable[UUID]] | None,
        refuses: Mapping[type[Exception], Refusing] = MappingProxyType({}),
    ) -> None:
        self.command = command
        self.function = function
        self.loads = loads
        self.refuses = checked_refusals(
            refuses, command, f"@handles({command.__name__}, refuses=...)"
        )
        """The errors that are refusals, and the event that each becomes; all others are bugs."""
        self.port_call: Callable[[Any, Sequence[C]], Sequence[Any]] | None = None
        """Calls the port: from commands to as many answers; None where there is no port."""
        self.calls_once = False
        """Whether one call of the port serves all commands of a batch."""
        self.is_async = False
        """Whether the port is called in an event loop."""
        self.port_limits = PortLimits()
        self._is_placed = False
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", command.__name__)
        refuse_lazy(function, name_of(function))
        if loads is not None:
            refuse_misfit(loads, f"@handles({command.__name__}, loads=...)", "command")
        refuse_lazy(loads, f"@handles({command.__name__}, loads=...)", may_yield=True)

    def __set_name__(self, owner: type, name: str) -> None:
        self._is_placed = True

    @overload
    def asks(self, function: Asking) -> Asking: ...
    @overload
    def asks(self, **limits: Unpack[LimitsGiven]) -> Callable[[Asking], Asking]: ...
    def asks(self, function: Any = None, **limits: Any) -> Any:
        """Declares the method that asks a port; its answer is the handler's second argument.

        It runs outside any transaction, a `def` in a thread and an `async def` in an event loop, so
        it may only read its command. It may be called twice for one command: give the port the
        command's id. Nothing waits for it but what follows for the same key. `limits` are those of
        `PortLimits`: `@take.asks(concurrency=8, timeout=seconds(5))`.
        """
        if function is None:
            return partial(self._declare_port, False, limits)
        return self._declare_port(False, limits, function)

    @overload
    def asks_all(self, function: AskingAll) -> AskingAll: ...
    @overload
    def asks_all(self, **limits: Unpack[LimitsGiven]) -> Callable[[AskingAll], AskingAll]: ...
    def asks_all(self, function: Any = None, **limits: Any) -> Any:
        """Declares the method that asks a port for all commands of a batch in one call.

        As `asks`, for a port that takes many questions at once: threads, and what each question
        costs alone, are saved. It returns one answer for each command, in their order. A fault of
        one is returned in its place, as an exception; what is raised is the fault of them all.
        """
        if function is None:
            return partial(self._declare_port, True, limits)
        return self._declare_port(True, limits, function)

    def answers(self, application: Any, commands: Sequence[C]) -> Sequence[Any]:
        """What the port says to these commands: to one, where it is not asked for all at once.

        Raises NeverRun where the port was not called: its method returned a coroutine.
        """
        assert self.port_call is not None
        return self._checked(application, commands, self.port_call(application, commands))

    async def answers_async(self, application: Any, commands: Sequence[C]) -> Sequence[Any]:
        """What a port of an event loop says, as `answers`."""
        assert self.port_call is not None
        answers: Any = self.port_call(application, commands)
        answer = await (answers if self.calls_once else answers[0])
        given = answer if self.calls_once else [answer]
        return self._checked(application, commands, given)

    def _checked(self, application: Any, commands: Sequence[C], answers: Any) -> Sequence[Any]:
        where = f"the port of {self.name_in(application)}"
        if not isinstance(answers, list):
            refuse_unrun(where, answers, cure=_RUN_PORT)
        if not isinstance(answers, Sequence):
            cure = "Return a list with an answer to each command."
            raise WrongCall(where=where, problem=f"it answered {named(answers)}", cure=cure)
        if len(answers) != len(commands):
            raise ValueError(f"{len(answers)} answers were given to {len(commands)} questions")
        refuse_unrun(where, *answers, cure=_RUN_PORT)
        return answers

    def check(self, where: str) -> None:
        """Refuses a method that does not fit what it will be called with.

        Raises DefinitionError.
        """
        answer = () if self.port_call is None else ("answer",)
        refuse_built_in(self.function, where)
        refuse_misfit(self.function, where, "self", "command", *answer)

    def _declare_port(self, calls_once: bool, limits: dict[str, Any], function: Any) -> Any:
        where = name_of(function)
        refuse_late(self._is_placed, where, f"@{self.__name__}.asks")
        self.is_async = is_coroutine(function)
        if not self.is_async:
            refuse_lazy(function, where, cure=_PLAIN_PORT)
        refuse_built_in(function, where)
        refuse_misfit(function, where, "self", "commands" if calls_once else "command")
        if self.port_call is not None:
            problem = f"a second port of {self.__name__}"
            raise DefinitionError(where=where, problem=problem, cure="Keep one.")
        self.port_limits = declared_limits(where, limits)
        self.calls_once = calls_once
        self.port_call = function if calls_once else partial(_one, function)
        return function

    def name_in(self, application: Any) -> str:
        """Its name in messages: the application's, and that of the method."""
        return f"{type(application).__name__}.{self.__name__}"

    @overload
    def __get__(self, instance: None, owner: type) -> "Handler[C]": ...
    @overload
    def __get__(self, instance: Executor, owner: type) -> Callable[[C], Receipt]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self

        return partial(self._execute, instance)

    def _execute(self, executor: Executor, command: C) -> Receipt:
        """Executes a command. Raises WrongCall for one that another method handles."""
        if type(command) is not self.command:
            cure = f"Give it one {self.command.__name__}."
            refuse_given(command, self.name_in(executor), cure)
        return executor.execute_one(command)


def _one(function: Callable[[Any, C], Any], application: Any, commands: Sequence[C]) -> list[Any]:
    return [function(application, *commands)]


def handles(
    command: type[C],
    *,
    loads: Callable[[C], Iterable[UUID]] | None = None,
    refuses: Mapping[type[Exception], Refusing] | None = None,
) -> Callable[[Callable[..., Any]], Handler[C]]:
    """Declares that a method of an application handles a command.

    `loads` names the aggregates that it will want, so that a batch reads them all at once; it is
    a hint, and may be incomplete.

    `refuses` names the errors with which the domain refuses the command, and the event that each
    becomes: ``refuses={NoSeat: Trip.SeatRefused}``. Nothing that the handler did before is stored.
    The event has its fields from attributes of the error and fields of the command of the same
    name; a `reason` that neither has is the error's text. It is an event of the aggregate of its
    class that the handler has read, or else has a stream of its own. A function of the command and
    the error may stand in its place; it returns what a handler would. A person who executes the
    command gets the error itself. Any other exception is a bug, and its event is parked.
    """
    refuse_no_command(command, "@handles", "Write @handles(PlaceOrder).")

    def declare(function: Callable[..., Any]) -> Handler[C]:
        return Handler(command, function, loads, {} if refuses is None else refuses)

    return declare
