"""A system of sagas, whose participants are one simulated application."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast
from uuid import UUID

from typing_extensions import override

from sagaline.application.application import Application
from sagaline.application.declaration import Declaration
from sagaline.application.handlers import Handler
from sagaline.application.message_handling import MessageHandling, handling_of
from sagaline.messaging.commands import Command
from sagaline.messaging.message import Message
from sagaline.saga.children import TakeBack
from sagaline.saga.declaration import Declaration as SagaDeclaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.step_timers import Timing
from sagaline.saga.versions import declarations_of
from sagaline.system.system import System


class RecordEvent(Command, key="saga_key"):
    """Records an event that is no immediate answer: a start event, or a late answer."""

    saga_key: str


class SimulatedHandling(MessageHandling):
    """Answers the commands of sagas by the application's function `answer`."""

    @override
    def handle(self, message: Message, answers: Any) -> Sequence[Any]:
        request = message.event
        assert isinstance(request, Journal.Requested)
        return cast("SimulatedApplication", self.application).answer(message.application, request)


class SimulatedApplication(Application):
    """Handles all commands of sagas; `answer` returns the events that answer one of a saga's."""

    _sagaline_handling = SimulatedHandling

    answer: Callable[[str, Journal.Requested], Sequence[Any]]
    event: Any
    """The event to record, while `RecordEvent` is handled."""
    request: UUID | None
    """The id of the command that the event answers."""

    def record(self, key: str, event: Any, request: UUID | None = None) -> None:
        """Records an event for the saga instance of this key, as the answer to a command."""
        self.event, self.request = event, request
        self.execute_one(RecordEvent(saga_key=key))


def _record(app: SimulatedApplication, _command: RecordEvent) -> Any:
    unit = handling_of(app).unit
    unit.has_whole_streams = False
    unit.trace = unit.trace._replace(answers=None if app.request is None else str(app.request))
    return app.event


def _unused(_app: SimulatedApplication, _command: Command) -> None:
    """Declares the command; `SimulatedHandling` handles it."""


def system_of(saga: type[Saga], timings: Mapping[str, Timing]) -> System:
    """Returns the system of a saga and its simulated participants, cached by the timings."""
    return _system_of(saga, frozenset(timings.items()))  # type: ignore[arg-type]  # has a hash


@cache
def _system_of(saga: type[Saga], timings: frozenset[tuple[str, Timing]]) -> System:
    return simulated_system(f"{saga.__name__} simulated", [saga], {saga: dict(timings)})


def simulated_system(
    name: str,
    sagas: Sequence[type[Saga]],
    timings: Mapping[type[Saga], Mapping[str, Timing]],
    unlocked: Collection[type[Saga]] = (),
) -> System:
    """Returns a system of these sagas, whose participants are one simulated application."""
    application = _application_of(tuple(sagas))
    return System(name, applications=[application], sagas=sagas, timings=timings, unlocked=unlocked)


@cache
def _application_of(sagas: tuple[type[Saga], ...]) -> type[SimulatedApplication]:
    declarations = [one for each in sagas for one in declarations_of(each)]
    heard = (event for each in declarations for event in (*each.answers, *each.outside))
    events = dict.fromkeys((*(start for each in declarations for start in each.starts), *heard))
    records = type("Records", (), {f"event_{i}": each for i, each in enumerate(events)})
    handlers: dict[type, Handler[Any]] = {RecordEvent: Handler(RecordEvent, _record, None)}
    for command in (command for each in declarations for command in _to_participants(each)):
        handlers[command] = Handler(command, _unused, None)
    name = "And".join(each.__name__ for each in sagas)
    application: type[SimulatedApplication] = type(
        f"ParticipantsOf{name}",
        (SimulatedApplication,),
        {"__module__": sagas[0].__module__, "__doc__": SimulatedApplication.__doc__},
        aggregates=[records],
    )
    application._sagaline_declaration = Declaration((records,), handlers, answers_faults=True)
    return application


def _to_participants(declaration: SagaDeclaration) -> Iterator[type[Command]]:
    """The commands of a saga, except those to the sagas that are its steps."""
    children = {each.name for each in declaration.steps.values() if each.child is not None}
    for name, command in declaration.commands.items():
        if name not in children and command is not TakeBack:
            yield command
