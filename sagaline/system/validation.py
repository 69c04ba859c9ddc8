"""Checks of a system's parts when it is defined."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, Final, get_origin

from eventsourcing import application as upstream
from eventsourcing import system as runners
from sqlalchemy import Table, UniqueConstraint

from sagaline.application.application import Application
from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import named
from sagaline.read_model.definition import ReadModel
from sagaline.saga.definition import Saga
from sagaline.saga.step_timers import Timing
from sagaline.saga.versions import declarations_of
from sagaline.storage.sql.records import StoredEventRecord
from sagaline.storage.tables import schema

_KINDS: Final = {"applications": Application, "sagas": Saga, "read_models": ReadModel}

_PLAIN_APPLICATION: Final = (
    "Derive it from sagaline.Application: class {name}(Application, aggregates=[...]). Its save() "
    "and repository stay; in place of a policy, mark methods with @reacts_to."
)


def check_arguments(name: object, *lists: object) -> None:
    """Refuses what is no name, and what are no lists of parts. Raises `DefinitionError`."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        cure = "Write System('shop', applications=[...])."
        raise DefinitionError(where="System", problem=f"its name is {named(name)}", cure=cure)
    for argument, given in zip((*_KINDS, "unlocked", "removed"), lists, strict=True):
        if isinstance(given, str) or not isinstance(given, Collection):
            raise DefinitionError(
                where=f"{argument} of the system {name}",
                problem=f"{named(given)} is no list",
                cure=f"Write {argument}=[...].",
            )


def check_parts(system: str, **parts: Iterable[Any]) -> None:
    """Refuses a part that is no class of Sagaline, such as an application of the library itself."""
    for argument, given in parts.items():
        base = _KINDS[argument]
        for each in given:
            if isinstance(each, type) and issubclass(each, base) and each is not base:
                continue
            cure = f"Name classes that derive from sagaline.{base.__name__}."
            origin = get_origin(each) or each
            if isinstance(origin, type) and issubclass(origin, upstream.Application):
                cure = _PLAIN_APPLICATION.format(name=origin.__name__)
            raise DefinitionError(
                where=f"{argument} of the system {system}",
                problem=f"{getattr(each, '__qualname__', each)} is none of Sagaline's",
                cure=cure,
            )


def refuse_upstream_runner(frame: FrameType | None, system: str) -> None:
    """Refuses a runner of the library, in whose constructor this frame is, or was called.

    It would construct the applications and follow logs, but would run no saga, no reaction, no
    read model and no timer. Raises DefinitionError.
    """
    while frame is not None and frame.f_globals.get("__name__") == runners.__name__:
        caller = frame.f_locals.get("self")
        if isinstance(caller, runners.Runner):
            raise DefinitionError(
                where=f"{type(caller).__name__} of the system {system}",
                problem="it would run no saga, no reaction, no read model and no timer",
                cure="Run the system with sagaline.Runner.",
            )
        frame = frame.f_back


def check_names(
    system: str, members: Collection[type[Application]], models: Collection[type[ReadModel]]
) -> None:
    """Refuses two parts of one name, which would share a log, a follower, a table or an index.

    Raises `DefinitionError`.
    """
    names: set[str] = set()
    for name in [*(each.name for each in members), *(each.table.name for each in models)]:
        if name.lower() in names:
            raise DefinitionError(
                where=system,
                problem=f"it has two parts named {name}",
                cure="Give each application, saga and read table a name of its own.",
            )
        names.add(name.lower())

    taken = dict.fromkeys(map(str.lower, _framework_names()), "the framework")
    for each in members:
        taken.update((name.lower(), f"the log of {each.name}") for name in _log_names(each.name))
    for model in models:
        for name in _names_in_store(model.table):
            # Tables and indexes share their names, and SQLite ignores case.
            if name.lower() in taken:
                raise DefinitionError(
                    where=model.__name__,
                    problem=f"{taken[name.lower()]} has a table or an index named {name} too",
                    cure="Rename the table of the read model, or its index.",
                )
            taken[name.lower()] = model.__name__


def _framework_names() -> Iterator[str]:
    for table in schema.metadata.tables.values():
        yield from _names_in_store(table)


def _log_names(application: str) -> Iterator[str]:
    events = f"{application.lower()}_events"
    yield from (events, f"{application.lower()}_snapshots")
    yield from (str(each.name) for each in StoredEventRecord.indexes(events))


def _names_in_store(table: Table) -> Iterator[str]:
    """The names that a table has in its store: its own, and those of its indexes."""
    unique = (each.name for each in table.constraints if isinstance(each, UniqueConstraint))
    yield table.name
    yield from map(str, filter(None, (*unique, *(each.name for each in table.indexes))))


def check_removed(
    system: str, members: Iterable[type[Application]], removed: Collection[str]
) -> None:
    """Refuses a removed part that the system has. Raises `DefinitionError`."""
    for each in removed:
        if not isinstance(each, str):
            raise DefinitionError(
                where=system,
                problem=f"{named(each)} is removed, and is no name",
                cure="Name what was removed, as in removed=['Invoices'].",
            )
    for name in {each.name for each in members}.intersection(removed):
        raise DefinitionError(
            where=system,
            problem=f"{name} is removed, and is one of its parts",
            cure="Take it out of `removed`, or out of the applications and sagas.",
        )


def check_unlocked(name: str, sagas: Collection[type[Saga]], unlocked: Collection[Any]) -> None:
    """Refuses to unlock what is no saga of the system. Raises `DefinitionError`."""
    for each in unlocked:
        if each not in sagas:
            raise DefinitionError(
                where=f"unlocked of the system {name}",
                problem=f"{named(each)} is no saga here",
                cure="Name a saga of the system, by its class.",
            )


def check_timings(
    name: str,
    sagas: Sequence[type[Saga]],
    timings: Any,
) -> None:
    """Refuses a timing of a step that no saga of the system has. Raises `DefinitionError`."""
    where = f"the timings of {name}"
    if not isinstance(timings, Mapping):
        cure = "Write timings={BookTrip: {'pay': Timing(within=minutes(5))}}."
        raise DefinitionError(where=where, problem=f"{named(timings)} is no mapping", cure=cure)
    for saga, steps in timings.items():
        if not isinstance(saga, type) or not issubclass(saga, Saga):
            cure = "Name a saga of the system, by its class."
            raise DefinitionError(where=where, problem=f"{named(saga)} is no saga", cure=cure)
        if not isinstance(steps, Mapping) or not all(
            isinstance(each, Timing) for each in steps.values()
        ):
            cure = "Write {'pay': Timing(within=minutes(5))}."
            problem = f"those of {named(saga)} are no mapping of steps to Timing"
            raise DefinitionError(where=where, problem=problem, cure=cure)
        declared = declarations_of(saga) if saga in sagas else []
        known = {name for each in declared for name in each.steps}
        unknown = [str(each) for each in steps if each not in known]
        if unknown:
            raise DefinitionError(
                where=where,
                problem=f"{saga.__name__} has no step {', '.join(unknown)} here",
                cure="Name a saga of the system, and its steps as they are declared.",
            )
