"""A saga as a system of its own, whose participants are one simulated application."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

from typing_extensions import override

from sagaline.application.application import Application
from sagaline.application.declaration import Declaration
from sagaline.application.handlers import Handler
from sagaline.application.message_handling import MessageHandling
from sagaline.messaging.commands import Command
from sagaline.messaging.message import Message
from sagaline.saga.definition import Saga
from sagaline.saga.engine import Timing
from sagaline.saga.instance import Journal
from sagaline.system.system import System


class Say(Command, key="saga_key"):
    """Records an event that nobody asks for now: a start, or an answer that comes later."""

    saga_key: str


class SimulatedHandling(MessageHandling):
    """Answers the commands of a saga by the function that the application is given."""

    @override
    def handle(self, message: Message, answers: Any) -> Sequence[Any]:
        request = message.event
        assert isinstance(request, Journal.Requested)
        return cast("SimulatedApplication", self.application).take(request)


class SimulatedApplication(Application):
    """Handles all commands of a saga; `take` decides on the answers."""

    _sagaline_handling = SimulatedHandling

    take: Callable[[Journal.Requested], Sequence[Any]]
    said: dict[Any, Any]

    def say(self, key: str, event: Any) -> None:
        """Records an event, for the instance of this key."""
        command = Say(saga_key=key)
        self.said = {command.id: event}
        self.execute_one(command)


def _say(app: SimulatedApplication, command: Say) -> Any:
    return app.said[command.id]


def _nothing(app: SimulatedApplication, command: Command) -> None:
    """What comes from a saga is handled as a message."""


def system_of(saga: type[Saga], timings: Mapping[str, Timing]) -> System:
    """The system of a saga and its simulated participants, the same for the same timings."""
    return _system_of(saga, frozenset(timings.items()))  # type: ignore[arg-type]  # has a hash


@cache
def _system_of(saga: type[Saga], timings: frozenset[tuple[str, Timing]]) -> System:
    return System(
        f"{saga.__name__} simulated",
        applications=[_participants_of(saga)],  # type: ignore[arg-type]  # has a hash
        sagas=[saga],
        timings={saga: dict(timings)},
    )


@cache
def _participants_of(saga: type[Saga]) -> type[SimulatedApplication]:
    events = (saga.starts_on, *saga.answers)
    records = type("Records", (), {f"event_{i}": each for i, each in enumerate(events)})
    handlers: dict[type, Handler[Any]] = {Say: Handler(Say, _say, None)}
    for command in saga.commands().values():
        handlers[command] = Handler(command, _nothing, None)
    application: type[SimulatedApplication] = type(
        f"ParticipantsOf{saga.__name__}",
        (SimulatedApplication,),
        {"__module__": saga.__module__, "__doc__": SimulatedApplication.__doc__},
        aggregates=[records],
    )
    application._sagaline_declaration = Declaration((records,), handlers, answers_faults=True)
    return application
