"""How an application says which method handles which command."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar, overload
from uuid import UUID

from sagaline.application.receipt import Receipt
from sagaline.errors import DefinitionError, WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_given, refuse_misfit, refuse_no_command
from sagaline.messaging.lazy import name_of, refuse_lazy, refuse_unrun
from sagaline.messaging.namespace import ApplicationPart

C = TypeVar("C", bound=Command)

_PLAIN_PORT: Final = (
    "Write a plain def: ports are called in threads. It may call an async client by asyncio.run()."
)


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
    ) -> None:
        self.command = command
        self.function = function
        self.loads = loads
        self.port_call: Callable[[Any, Sequence[C]], Sequence[Any]] | None = None
        """Calls the port: from commands to as many answers; None where there is no port."""
        self.calls_once = False
        """Whether one call of the port serves all commands of a batch."""
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", command.__name__)
        refuse_lazy(function, name_of(function))
        if loads is not None:
            refuse_misfit(loads, f"@handles({command.__name__}, loads=...)", "command")
        refuse_lazy(loads, f"@handles({command.__name__}, loads=...)", may_yield=True)

    def asks(self, function: Callable[[Any, C], Any]) -> Callable[[Any, C], Any]:
        """Declares the method that asks a port; its answer is the handler's second argument.

        It runs outside any transaction, concurrently with the others of its batch, so it may only
        read its command. It may be called twice for one command: give the port the command's id.
        """
        self._refuse_port(function, "command")
        self.port_call = lambda application, commands: [function(application, *commands)]
        return function

    def asks_all(
        self, function: Callable[[Any, Sequence[C]], Sequence[Any]]
    ) -> Callable[[Any, Sequence[C]], Sequence[Any]]:
        """Declares the method that asks a port for all commands of a batch in one call.

        As `asks`, for a port that takes many questions at once: threads, and what each question
        costs alone, are saved. It returns one answer for each command, in their order. A fault of
        one is returned in its place, as an exception; what is raised is the fault of them all.
        """
        self._refuse_port(function, "commands")
        self.port_call = function
        self.calls_once = True
        return function

    def answers(self, application: Any, commands: Sequence[C]) -> Sequence[Any]:
        """What the port says to these commands: to one, where it is not asked for all at once.

        Raises NeverRun where the port was not called: its method returned a coroutine.
        """
        assert self.port_call is not None
        answers: Any = self.port_call(application, commands)
        where = f"the port of {self.name_in(application)}"
        if not isinstance(answers, list):
            refuse_unrun(where, answers)
        if not isinstance(answers, Sequence):
            cure = "Return a list with an answer to each command."
            raise WrongCall(where=where, problem=f"it answered {named(answers)}", cure=cure)
        if len(answers) != len(commands):
            raise ValueError(f"{len(answers)} answers were given to {len(commands)} questions")
        refuse_unrun(where, *answers)
        return answers

    def check(self, where: str) -> None:
        """Refuses a method that does not fit what it will be called with.

        Raises DefinitionError.
        """
        answer = () if self.port_call is None else ("answer",)
        refuse_misfit(self.function, where, "self", "command", *answer)

    def _refuse_port(self, function: Any, parameter: str) -> None:
        where = name_of(function)
        refuse_lazy(function, where, cure=_PLAIN_PORT)
        refuse_misfit(function, where, "self", parameter)
        if self.port_call is not None:
            problem = f"a second port of {self.__name__}"
            raise DefinitionError(where=where, problem=problem, cure="Keep one.")

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


def handles(
    command: type[C], *, loads: Callable[[C], Iterable[UUID]] | None = None
) -> Callable[[Callable[..., Any]], Handler[C]]:
    """Declares that a method of an application handles a command.

    `loads` names the aggregates that it will want, so that a batch reads them all at once; it is
    a hint, and may be incomplete.
    """
    refuse_no_command(command, "@handles", "Write @handles(PlaceOrder).")

    def declare(function: Callable[..., Any]) -> Handler[C]:
        return Handler(command, function, loads)

    return declare
