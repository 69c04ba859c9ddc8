"""Systems: which applications, sagas and read models belong together, and who follows whom."""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from eventsourcing import system as upstream
from eventsourcing.domain import DomainEvent
from typing_extensions import override

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.saga_process import SagaProcess, process_of
from sagaline.errors import DefinitionError
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.topics import stored_topics
from sagaline.read_model.definition import ReadModel
from sagaline.saga.definition import Saga
from sagaline.saga.engine import Timing
from sagaline.saga.instance import Journal, requested
from sagaline.system.saga_list import SagaList

NAME_IT = "Name the aggregate in one: class Orders(Application, aggregates=[Order])."


class System(upstream.System):
    """A system, with its pipes derived from what each part handles.

    A saga follows the applications that record the events it hears; an application follows the
    sagas that give it commands, and the applications whose events it reacts to; a read model
    follows whatever records the events it projects. `name` is what a store remembers, so that
    another system's store is refused. `timings` overrides the declared `within` and `retry` of a
    saga's steps, by saga and name of the step; `unlocked` sagas do without their locks.

    Raises `DefinitionError` where a command has no handler, or an event no application.
    """

    def __init__(
        self,
        name: str,
        *,
        applications: Sequence[type[Application]],
        sagas: Sequence[type[Saga]] = (),
        read_models: Sequence[type[ReadModel]] = (),
        timings: Mapping[type[Saga], Mapping[str, Timing]] | None = None,
        unlocked: Collection[type[Saga]] = (),
    ) -> None:
        self.name = name
        self._module = sys._getframe(1).f_globals["__name__"]
        self.applications = tuple(applications)
        self.sagas = tuple(sagas)
        _check_timings(name, self.sagas, timings or {})
        self.processes = tuple(
            process_of(each, (timings or {}).get(each, {}), each not in unlocked) for each in sagas
        )
        self.read_models = (*read_models, *((SagaList,) if sagas else ()))
        _check_names(name, [*self.applications, *self.processes], self.read_models)
        self._owners = _owners(self.applications)
        self._handlers = _handlers(self.applications)
        self._wanted: dict[str, set[type]] = {each.name: set() for each in self.members}
        self.leaders_of: dict[str, list[str]] = {each.name: [] for each in self.members}
        for process in self.processes:
            self._connect(process)
        for application in self.applications:
            self._connect_reactions(application)
        super().__init__(self._pipes())
        for model in self.read_models:
            self.leaders_of[model.table.name] = self._sources(model)

    @property
    def members(self) -> tuple[type[Application], ...]:
        """The applications, and the process applications of the sagas."""
        return (*self.applications, *self.processes)

    @property
    def topics(self) -> dict[str, frozenset[str]]:
        """The topics that the follower of each member wants, those of earlier versions included."""
        return {name: _topics(events) for name, events in self._wanted.items()}

    @property
    @override
    def topic(self) -> str:
        """Where the system is found: the module that made it, and its name there."""
        # Upstream takes the module that calls upstream, which is this one.
        found = vars(sys.modules[self._module]).items()
        names = [name for name, value in found if value is self]
        return f"{self._module}:{names[0]}" if names else super().topic

    def get_app_cls(self, name: str) -> type[Any]:
        """The class of a member, by its name."""
        found = {each.name: each for each in self.members}
        return found[name]

    def _connect(self, process: type[SagaProcess]) -> None:
        saga = process.saga
        for event in (saga.starts_on, *saga.answers):
            self._pipe(self._owner(saga, event), process, event)
        for command in saga.commands().values():
            handler = self._handlers.get(command)
            if handler is None:
                raise DefinitionError(
                    where=saga.__name__,
                    problem=f"no application of the system {self.name} handles {command.__name__}",
                    cure=f"Add a method marked @handles({command.__name__}) to one of them.",
                )
            self._pipe(process, handler, requested(command))
            if declaration_of(handler).answers_faults:
                self._pipe(handler, process, CommandFaulted)

    def _connect_reactions(self, application: type[Application]) -> None:
        where = application.__name__
        for event, reaction in declaration_of(application).reactions.items():
            leader = self._owner(application, event)
            for command in reaction.commands(where):
                if command not in declaration_of(application).handlers:
                    raise DefinitionError(
                        where=f"{where}.{reaction.__name__}",
                        problem=f"it makes {command.__name__}, which {where} does not handle",
                        cure=f"Add a method marked @handles({command.__name__}).",
                    )
            if leader is application:
                raise DefinitionError(
                    where=f"{where}.{reaction.__name__}",
                    problem=f"it reacts to {event.__qualname__}, which {where} itself records",
                    cure="Do it where the event is recorded: it is one transaction there.",
                )
            self._pipe(leader, application, event)

    def _pipe(self, leader: type[Application], follower: type[Application], event: type) -> None:
        self._wanted[follower.name].add(event)
        if leader.name not in self.leaders_of[follower.name]:
            self.leaders_of[follower.name].append(leader.name)

    def _owner(self, part: type, event: type) -> type[Application]:
        if event not in self._owners:
            raise self._unrecorded(part, event)
        return self._owners[event]

    def _sources(self, model: type[ReadModel]) -> list[str]:
        """The logs that a read model follows, in the order of the system's members."""
        events = model.events()
        if not events:
            return [each.name for each in self.members]
        wanted: set[str] = set()
        for event in events:
            recorders = self._recorders(event)
            wanted |= recorders
            if not recorders and not _of_sagas(event):
                raise self._unrecorded(model, event)
        # What tells of sagas beside other things serves a system without sagas too.
        if not wanted and model is not SagaList:
            raise self._unrecorded(model, events[0])
        return [each.name for each in self.members if each.name in wanted]

    def _recorders(self, event: type) -> set[str]:
        """Who records an event, or one of its subclasses, which a read model folds too."""
        found = {own.name for known, own in self._owners.items() if issubclass(known, event)}
        return found | {each.name for each in self.processes if _of_sagas(event)}

    def _unrecorded(self, part: type, event: type) -> DefinitionError:
        return DefinitionError(
            where=part.__name__,
            problem=f"no application of the system {self.name} records {event.__qualname__}",
            cure=NAME_IT,
        )

    def _pipes(self) -> Iterable[list[type[Application]]]:
        classes = {each.name: each for each in self.members}
        for follower, leaders in self.leaders_of.items():
            for leader in leaders:
                yield [classes[leader], classes[follower]]
        for each in self.members:
            yield [each]


def _of_sagas(event: type) -> bool:
    return issubclass(event, Journal.Event | Journal.Created)


def _check_names(
    system: str, members: Iterable[type[Application]], models: Iterable[type[ReadModel]]
) -> None:
    """A name is a log and a follower: two of one name would share them."""
    names: set[str] = set()
    for name in [*(each.name for each in members), *(each.table.name for each in models)]:
        if name.lower() in names:
            raise DefinitionError(
                where=system,
                problem=f"it has two parts named {name}",
                cure="Give each application, saga and read table a name of its own.",
            )
        names.add(name.lower())


def _check_timings(
    name: str,
    sagas: Sequence[type[Saga]],
    timings: Mapping[type[Saga], Mapping[str, Timing]],
) -> None:
    for saga, steps in timings.items():
        unknown = [each for each in steps if saga not in sagas or each not in saga.steps]
        if unknown:
            raise DefinitionError(
                where=f"the timings of {name}",
                problem=f"{saga.__name__} has no step {', '.join(unknown)} here",
                cure="Name a saga of the system, and its steps as they are declared.",
            )


def topics_of_application(system: System, application: type[Application]) -> frozenset[str]:
    """The event types that an application's follower wants."""
    return system.topics[application.name]


def _topics(events: Iterable[type]) -> frozenset[str]:
    return frozenset().union(*map(stored_topics, events))


def _owners(applications: Iterable[type[Application]]) -> dict[type, type[Application]]:
    found: dict[type, type[Application]] = {}
    for application in applications:
        for aggregate in declaration_of(application).aggregates:
            for event in vars(aggregate).values():
                if not (isinstance(event, type) and issubclass(event, DomainEvent)):
                    continue
                if found.setdefault(event, application) is not application:
                    raise DefinitionError(
                        where=application.__name__,
                        problem=f"{aggregate.__name__} is recorded by {found[event].__name__} too",
                        cure="Name each aggregate in one application of a system.",
                    )
    return found


def _handlers(applications: Iterable[type[Application]]) -> dict[type, type[Application]]:
    found: dict[type, type[Application]] = {}
    for application in applications:
        for command in declaration_of(application).handlers:
            if command in found:
                raise DefinitionError(
                    where=application.__name__,
                    problem=f"{command.__name__} is handled by {found[command].__name__} too",
                    cure="Give each command one handler in a system.",
                )
            found[command] = application
    return found
