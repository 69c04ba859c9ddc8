"""The port calls of one application that are under way, each for messages of its follower."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sagaline.application.declaration import declaration_of
from sagaline.application.handlers import Handler
from sagaline.codec import unshared
from sagaline.messaging.commands import Command
from sagaline.messaging.message import Message
from sagaline.ports.fault import answer_at
from sagaline.ports.limits import DEFAULT_LIMITS, PortLimits
from sagaline.ports.pool import PortPool
from sagaline.ports.port import Port, PortCall


class Question(NamedTuple):
    """What a message asks of a port: an answer to this attempt at a command."""

    message: Message
    command: Command
    attempt: int


class _Asked(NamedTuple):
    """A question, the call that asks it, and its place in that call."""

    question: Question
    call: PortCall
    place: int


class CallsUnderWay:
    """Asks ports, and keeps the answers until their messages are handled.

    A message is known by its origin. What was asked once is not asked again in this process,
    however often the message is tried: after a version conflict, after the fault of a store, alone.
    """

    def __init__(
        self, application: Any, asked: Callable[[Message], tuple[str, int] | None]
    ) -> None:
        self.asked = asked
        """The name of the command in a message, and its attempt, where it is known."""
        self.pool = PortPool()
        self.limits = DEFAULT_LIMITS
        """The limits of all ports; a handler may declare others."""
        self.limits_of: dict[str, PortLimits] = {}
        """What an operator has set for single ports, by the names of application and method."""
        self._application = application
        self._asked: dict[str | None, _Asked] = {}
        self._answered: deque[str] = deque()

    def ask(self, questions: Sequence[Question]) -> dict[int, Any]:
        """Asks what was not asked before; the answers that come at once, by id of message.

        Of each key it asks the first question only: the next may depend on what comes of it.
        """
        questions = _first_of_keys(questions)
        self._begin([each for each in questions if not self._is_asked(each)])
        found = [self._asked.get(each.message.origin) for each in questions]
        self.pool.wait({each.call: None for each in found if each is not None})
        return {
            id(question.message): answer_at(asked.place, asked.call.answer)
            for question, asked in zip(questions, found, strict=True)
            if asked is not None and asked.call.is_answered
        }

    def answer_now(self, handler: Handler[Any], command: Command) -> Sequence[Any]:
        """The answer to one command, which the caller waits for. Raises what the port raises."""
        application = self._application
        if not handler.is_async:
            return handler.answers(application, [command])
        ask = partial(handler.answers_async, application, [command])
        answers: Sequence[Any] = self.pool.result(ask, self._port(handler).timeout)
        return answers

    def wait_for(self, messages: Iterable[Message]) -> None:
        """Waits until the questions of these messages are answered, which may take long."""
        found = [self._asked.get(each.origin) for each in messages]
        self.pool.wait_for_all([each.call for each in found if each is not None])

    def answered(self) -> list[str]:
        """The origins of messages that were answered since the last call of this method."""
        return [self._answered.popleft() for _ in range(len(self._answered))]

    def message(self, origin: str) -> Message | None:
        """A message whose question is asked here; None for any other."""
        found = self._asked.get(origin)
        return None if found is None else found.question.message

    def may_ask(self, command: str | None) -> bool:
        """Whether the port of a command, by its name, takes further calls."""
        handlers = declaration_of(type(self._application)).handlers.values()
        for each in handlers:
            if each.command.__name__ == command and each.port_call is not None:
                return not self._port(each).is_full
        return True

    def drop(self, messages: Iterable[Message]) -> None:
        """Drops the answers to messages that are handled."""
        if self._asked:
            for each in messages:
                self._asked.pop(each.origin, None)

    def keep(self, origins: Collection[str]) -> None:
        """Drops all but these: what another runner may have handled meanwhile."""
        self._asked = {k: each for k, each in self._asked.items() if k in origins}

    def _is_asked(self, question: Question) -> bool:
        """Whether it was asked before: a timer may have been set again with another command."""
        asked = self._asked.get(question.message.origin)
        if asked is None:
            return False
        before = asked.question
        return (before.command.id, before.attempt) == (question.command.id, question.attempt)

    def _begin(self, questions: Iterable[Question]) -> None:
        found: dict[Handler[Any], list[Question]] = {}
        handlers = declaration_of(type(self._application)).handlers
        for each in questions:
            found.setdefault(handlers[type(each.command)], []).append(each)
        calls: list[PortCall] = []
        for handler, asking in found.items():
            port = self._port(handler)
            if port.is_full:
                continue
            together = [asking] if handler.calls_once else [[each] for each in asking]
            calls += [self._call(port, handler, each) for each in together]
        self.pool.begin(calls)

    def _call(self, port: Port, handler: Handler[Any], asking: list[Question]) -> PortCall:
        commands = [unshared(each.command) for each in asking]
        ask = handler.answers_async if port.is_async else handler.answers
        origins = [each.message.origin or "" for each in asking]
        call = PortCall(
            port,
            partial(ask, self._application, commands),
            len(asking),
            partial(self._answered.extend, origins),
        )
        for place, (origin, each) in enumerate(zip(origins, asking, strict=True)):
            self._asked[origin] = _Asked(each, call, place)
        return call

    def _port(self, handler: Handler[Any]) -> Port:
        name = f"{self._application.name}.{handler.__name__}"
        known = self.pool.ports.get(name)
        if known is not None:
            return known
        limits = self.limits_of.get(name, PortLimits()).over(handler.port_limits.over(self.limits))
        return self.pool.port(name, limits, handler.is_async)


def _first_of_keys(questions: Iterable[Question]) -> list[Question]:
    keys: set[str] = set()
    first: list[Question] = []
    for each in questions:
        key = each.message.key
        if key is None or key not in keys:
            first.append(each)
        if key is not None:
            keys.add(key)
    return first
