"""Checks of a system's parts when it is defined."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Table, UniqueConstraint

from sagaline.application.application import Application
from sagaline.errors import DefinitionError
from sagaline.read_model.definition import ReadModel
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.step_timers import Timing
from sagaline.storage.sql.records import StoredEventRecord
from sagaline.storage.tables import schema


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


def check_timings(
    name: str,
    sagas: Sequence[type[Saga]],
    timings: Mapping[type[Saga], Mapping[str, Timing]],
) -> None:
    """Refuses a timing of a step that no saga of the system has. Raises `DefinitionError`."""
    for saga, steps in timings.items():
        unknown = [
            each for each in steps if saga not in sagas or each not in saga_declaration(saga).steps
        ]
        if unknown:
            raise DefinitionError(
                where=f"the timings of {name}",
                problem=f"{saga.__name__} has no step {', '.join(unknown)} here",
                cure="Name a saga of the system, and its steps as they are declared.",
            )
