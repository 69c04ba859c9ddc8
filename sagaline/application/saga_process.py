"""A saga as a process application: it follows events, and its own log carries its commands."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar, cast

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.execution import wake
from sagaline.application.handlers import Handler
from sagaline.application.message_handling import MessageHandling, handling_of
from sagaline.application.retry_on_conflict import retry_on_conflict
from sagaline.application.saga_handling import SagaHandling
from sagaline.errors import InterventionFailed, NotHeard, SagalineError, SagaUnknown, describe_error
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import is_command_class
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import Trace, position
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.requests import request_class
from sagaline.saga.step_timers import Timing
from sagaline.saga.versions import declarations_of
from sagaline.storage import ApplicationRecorder
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.saga_definitions import definition_of

Act = Callable[[Interventions], None]
Also = Callable[[Connection], None]


class SagaProcess(Application):
    """Runs all instances of one saga class; each has a stream of its own in the process's log."""

    saga: ClassVar[type[Saga]]
    timings: ClassVar[Mapping[str, Timing]] = {}
    takes_locks: ClassVar[bool] = True

    _sagaline_handling: ClassVar[type[MessageHandling]] = SagaHandling

    def intervene(
        self, key: str, act: Act, also: Also | None = None, run: int | None = None
    ) -> Journal:
        """Lets an operator act on one instance, in one transaction; returns the instance.

        It is the last run of the key, or the one that is named.
        `also` writes more in that transaction. Runners that lead this saga read the instance again
        before they write anything more. Raises SagaUnknown where there is no such instance, and
        InterventionFailed where a step's own code fails; whatever is raised, nothing is written.
        """
        return retry_on_conflict(lambda: self._intervene(key, act, also, run))

    def _intervene(self, key: str, act: Act, also: Also | None, run: int | None) -> Journal:
        handling = cast("SagaHandling", self._sagaline)
        unit = handling.new_unit()
        with handling.working(unit):
            journal = handling.journal_of(key, run)
            if journal is None or not journal.started:
                raise SagaUnknown(id=key)
            unit.trace = self._trace_after(journal, key)
            was_open = not journal.state.ended
            obstacle = incompatibility_of(type(self), self.recorder, journal)
            interventions = Interventions(self.saga, journal, self.timings, obstacle)
            _act(interventions, journal, act)
            handling.finish(journal, interventions, was_open)
            unit.record([journal])
        with self.datastore.write() as connection:
            raise_fence(connection, self.name)
            unit.write(connection)
            if also is not None:
                also(connection)
        wake(self)
        return journal

    def _trace_after(self, journal: Journal, key: str) -> Trace:
        """An intervention follows the last event of the instance, which the operator has seen."""
        last = self.recorder.streams([journal.id])[journal.id][-1]
        cause, hop = position(self.name, last.id), (last.hop or 0) + 1
        return Trace(key, cause, hop, metadata=last.metadata)


def incompatibility_of(
    process: type[SagaProcess], recorder: ApplicationRecorder, journal: Journal
) -> str | None:
    """Why one instance cannot continue with the loaded definition; None where it can."""
    with recorder.datastore.read() as connection:
        known = definition_of(connection, process.name)
    return incompatibility(process.saga, journal, None if known is None else known.shape)


def _act(interventions: Interventions, journal: Journal, act: Act) -> None:
    """Raises what a follower would park as a dead letter: an operator learns of it at once."""
    try:
        act(interventions)
    except BaseException as error:
        if isinstance(error, SagalineError) and not isinstance(error, NotHeard):
            raise
        raise_interruption(error)
        raise_store_failure(error)
        saga = f"{journal.saga} {journal.key}"
        raise InterventionFailed(saga=saga, reason=describe_error(error)) from error


def process_of(
    saga: type[Saga], timings: Mapping[str, Timing], takes_locks: bool = True
) -> type[SagaProcess]:
    """The process application of a saga class, found by topic as ``module:Saga.Process``.

    The same for the same timings, so that a saga can be part of several systems.
    """
    given = frozenset(timings.items())
    return _process_of(saga, given, takes_locks)  # type: ignore[arg-type]  # has a hash


@cache
def _process_of(
    saga: type[Saga], timings: frozenset[tuple[str, Timing]], takes_locks: bool
) -> type[SagaProcess]:
    saga._sagaline_in_system = True
    for each in declarations_of(saga):
        for command in each.commands.values():
            request_class(command)
    # Upstream takes a topic for one class only, so those with other timings are numbered.
    number = sum(name.startswith("Process") for name in vars(saga))
    name = f"Process{number or ''}"
    process: type[SagaProcess] = type(
        saga.__name__,
        (SagaProcess,),
        {
            "__module__": saga.__module__,
            "__qualname__": f"{saga.__qualname__}.{name}",
            "__doc__": saga.__doc__,
            "saga": saga,
            "timings": dict(timings),
            "takes_locks": takes_locks,
            "name": saga_declaration(saga).name,
        },
        begin=saga_declaration(saga).head.begin,
    )
    setattr(saga, name, process)  # found there by its topic
    known = declaration_of(process)
    process._sagaline_declaration = replace(known, handlers=_handlers(saga))
    return process


def _handlers(saga: type[Saga]) -> dict[type, Handler[Any]]:
    """What a saga does with the commands of callers: it starts, or hears a signal."""
    start = saga_declaration(saga).starts_on
    found: dict[type, Handler[Any]] = {
        signal: Handler(signal, _signal, None)
        for each in declarations_of(saga)
        for signal in each.signals.values()
    }
    if is_command_class(start):
        found[start] = Handler(start, _start, None)
    for each in found:
        request_class(each)
    return found


def _signal(process: SagaProcess, command: Command) -> Journal:
    return cast("SagaHandling", handling_of(process)).signal(command)


def _start(process: SagaProcess, command: Command) -> Journal:
    return cast("SagaHandling", handling_of(process)).start_by(command)
