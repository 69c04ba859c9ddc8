"""Systems: applications, sagas and read models, and which of them follows which log."""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from eventsourcing import system as upstream
from typing_extensions import override

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.saga_process import SagaProcess, process_of
from sagaline.codec import WantedTopics
from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import is_command_class
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.script import name_as_imported
from sagaline.read_model.definition import ReadModel, projections_of
from sagaline.saga.children import TakeBack
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.requests import request_class
from sagaline.saga.scheduled import ScheduledStart
from sagaline.saga.step_timers import Timing
from sagaline.saga.versions import former_versions
from sagaline.system.routing import handlers_of, is_of_sagas, recorders_of
from sagaline.system.saga_list import SagaList
from sagaline.system.validation import (
    check_arguments,
    check_names,
    check_parts,
    check_removed,
    check_timings,
    check_unlocked,
    refuse_upstream_runner,
)

_NAME_AGGREGATE: Final = "Name the aggregate in one: class Orders(Application, aggregates=[Order])."


class System(upstream.System):
    """A system of applications, sagas and read models; its pipes follow from what each handles.

    A saga follows the applications that record the events of its steps; an application follows the
    sagas that issue commands to it, and the applications whose events it reacts to; a read model
    follows every log with events that it projects. A store records `name` and refuses a system of
    another name. `removed` names the applications and sagas that were part of it before: a store
    that has their events refuses the system otherwise. `timings` overrides the declared `within`
    and `retry` by saga and name of the step; sagas in `unlocked` do not acquire their locks.

    Raises `DefinitionError` where no application handles a command, or records an event.
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
        removed: Collection[str] = (),
    ) -> None:
        check_arguments(name, applications, sagas, read_models, unlocked, removed)
        self.name = name
        self._module = sys._getframe(1).f_globals["__name__"]
        name_as_imported(self._module)
        check_parts(name, applications=applications, sagas=sagas, read_models=read_models)
        self.applications = tuple(applications)
        self.sagas = sagas = tuple(s for s in sagas if s._sagaline_version_of not in sagas)
        check_timings(name, self.sagas, timings or {})
        check_unlocked(name, sagas, unlocked)
        self.processes = tuple(
            process_of(each, (timings or {}).get(each, {}), each not in unlocked) for each in sagas
        )
        self.read_models = (*read_models, *((SagaList,) if sagas else ()))
        check_names(name, self.members, self.read_models)
        check_removed(name, self.members, removed)
        self.removed = frozenset(removed)
        self._recorders = recorders_of(self.applications)
        self._handlers = handlers_of(self.applications)
        self._wanted: dict[str, set[type]] = {each.name: set() for each in self.members}
        self._acting: dict[tuple[str, str], set[type]] = {}
        self.leaders_of: dict[str, list[str]] = {each.name: [] for each in self.members}
        for process in self.processes:
            for saga in (process.saga, *former_versions(process.saga)):
                self._connect(process, saga)
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
    def topics(self) -> dict[str, WantedTopics]:
        """The topics that the follower of each member handles, with those of earlier versions."""
        return {name: WantedTopics(events) for name, events in self._wanted.items()}

    @property
    @override
    def topic(self) -> str:
        """The module that created the system, and its name there."""
        # Upstream uses the module that calls upstream's constructor, which is this one.
        found = vars(sys.modules[self._module]).items()
        names = [name for name, value in found if value is self]
        return f"{self._module}:{names[0]}" if names else super().topic

    def acting_topics(self, follower: str, leader: str) -> WantedTopics:
        """The topics in a leader's log that have effects: those of commands, reactions and starts.

        The answers that a saga waits for are not among them: without its start, they do nothing.
        """
        return WantedTopics(self._acting.get((follower, leader), ()))

    def get_app_cls(self, name: str) -> type[Any]:
        """The class of a member, by its name. Raises DefinitionError in a runner of the library."""
        refuse_upstream_runner(sys._getframe(1), self.name)
        found = {each.name: each for each in self.members}
        return found[name]

    def _connect(self, process: type[SagaProcess], saga: type[Saga]) -> None:
        declaration = saga_declaration(saga)
        start = declaration.starts_on
        starts = () if is_command_class(start) else (start,)
        self._refuse_handled(saga, "starts it", start)
        signals = declaration.signals.values()
        for each in signals:
            self._refuse_handled(saga, "is a signal to it", each)
        for event in [*starts, *(each for each in declaration.answers if each not in signals)]:
            for recorder in self._recorders_of(saga, event):
                self._pipe(recorder, process, event, acts=event is start)
        children = self._connect_children(process, saga)
        for command in [each for each in declaration.commands.values() if each not in children]:
            handler = self._handlers.get(command)
            if handler is None:
                raise DefinitionError(
                    where=saga.__name__,
                    problem=f"no application of the system {self.name} handles {command.__name__}",
                    cure=f"Add a method marked @handles({command.__name__}) to one of them.",
                )
            self._pipe(process, handler, request_class(command), acts=True)
            if declaration_of(handler).answers_faults:
                self._pipe(handler, process, CommandFaulted)

    def _refuse_handled(self, saga: type[Saga], what: str, command: type) -> None:
        """Refuses a command to a saga that an application handles. Raises DefinitionError."""
        handler = self._handlers.get(command)
        if handler is not None:
            raise DefinitionError(
                where=saga.__name__,
                problem=f"{command.__name__} {what}, and is handled by {handler.__name__} too",
                cure="Give the saga a command of its own.",
            )

    def _connect_children(self, process: type[SagaProcess], saga: type[Saga]) -> set[type]:
        """Connects a saga with those that are its steps; returns the commands that they handle."""
        handled: set[type] = set()
        declaration = saga_declaration(saga)
        for step in declaration.steps.values():
            if step.child is None:
                continue
            wanted = step.child._sagaline_version_of or step.child
            child = next((each for each in self.processes if each.saga is wanted), None)
            if child is None or child is process:
                raise DefinitionError(
                    where=f"{saga.__name__}.{step.name}",
                    problem=f"{step.child.__name__} is no other saga of the system {self.name}",
                    cure="Name it in sagas=[...] of the system.",
                )
            handled |= {declaration.commands[step.name], TakeBack}
            for command in (declaration.commands[step.name], TakeBack):
                self._pipe(process, child, request_class(command), acts=True)
            self._pipe(child, process, Journal.Replied)
        return handled

    def _connect_reactions(self, application: type[Application]) -> None:
        where = application.__name__
        for event, reaction in declaration_of(application).reactions.items():
            leaders = self._recorders_of(application, event)
            for command in reaction.commands(where):
                if command not in declaration_of(application).handlers:
                    raise DefinitionError(
                        where=f"{where}.{reaction.__name__}",
                        problem=f"it issues {command.__name__}, which {where} does not handle",
                        cure=f"Add a method marked @handles({command.__name__}).",
                    )
            if application in leaders:
                raise DefinitionError(
                    where=f"{where}.{reaction.__name__}",
                    problem=f"it reacts to {event.__qualname__}, which {where} itself records",
                    cure="Do this in the method that records the event, in the same transaction.",
                )
            for leader in leaders:
                self._pipe(leader, application, event, acts=True)

    def _pipe(
        self,
        leader: type[Application],
        follower: type[Application],
        event: type,
        *,
        acts: bool = False,
    ) -> None:
        self._wanted[follower.name].add(event)
        if acts:
            self._acting.setdefault((follower.name, leader.name), set()).add(event)
        if leader.name not in self.leaders_of[follower.name]:
            self.leaders_of[follower.name].append(leader.name)

    def _recorders_of(self, part: type, event: type) -> list[type[Application]]:
        """The applications that record an event or a subclass of it, in the system's order."""
        found = {by for known, by in self._recorders.items() if issubclass(known, event)}
        if not found and event is not ScheduledStart:
            raise self._unrecorded(part, event)
        return [each for each in self.applications if each in found]

    def _sources(self, model: type[ReadModel]) -> list[str]:
        """The logs that a read model follows, in the order of the system's members."""
        events = projections_of(model).events
        if not events:
            return [each.name for each in self.members]
        wanted: set[str] = set()
        for event in events:
            recorders = self._members_with(event)
            wanted |= recorders
            if not recorders and not is_of_sagas(event):
                raise self._unrecorded(model, event)
        # A model that projects events of sagas beside others also serves a system without sagas.
        if not wanted and model is not SagaList:
            raise self._unrecorded(model, events[0])
        return [each.name for each in self.members if each.name in wanted]

    def _members_with(self, event: type) -> set[str]:
        """The members that record an event or a subclass of it, which a read model handles too."""
        found = {by.name for known, by in self._recorders.items() if issubclass(known, event)}
        return found | {each.name for each in self.processes if is_of_sagas(event)}

    def _unrecorded(self, part: type, event: type) -> DefinitionError:
        return DefinitionError(
            where=part.__name__,
            problem=f"no application of the system {self.name} records {event.__qualname__}",
            cure=_NAME_AGGREGATE,
        )

    def _pipes(self) -> Iterable[list[type[Application]]]:
        classes = {each.name: each for each in self.members}
        for follower, leaders in self.leaders_of.items():
            for leader in leaders:
                yield [classes[leader], classes[follower]]
        for each in self.members:
            yield [each]


def refuse_no_system(system: object, where: str) -> None:
    """Refuses a system of the library, which has no sagas and read models, and anything else.

    So it does a system that has a former definition of a saga alone, as a test may have. Raises
    DefinitionError.
    """
    if not isinstance(system, System):
        kind = type(system)
        raise DefinitionError(
            where=where,
            problem=f"{kind.__module__}.{kind.__qualname__} is no sagaline.System",
            cure="Write system = System(name, applications=[...]).",
        )
    for each in system.sagas:
        present = each._sagaline_version_of
        if present is not None:
            raise DefinitionError(
                where=f"{where} of the system {system.name}",
                problem=f"{each.__name__} is a former definition of {present.__name__}",
                cure=f"Name {present.__name__}: its former definitions come with it.",
            )
