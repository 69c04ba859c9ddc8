"""The stores of a system, opened to be read: nothing is run, created, claimed or changed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NoReturn

import typer
from eventsourcing.utils import Environment
from sqlalchemy import Table

from sagaline.application.application import Application
from sagaline.application.stored_encoding import check_encoding
from sagaline.cli.settings import settings_of
from sagaline.codec import typed_mapper
from sagaline.errors import NameUnknown, StoreUnusable
from sagaline.storage import ApplicationRecorder, Datastore, Factory
from sagaline.storage.sql import sqlite
from sagaline.storage.sql.urls import refuse_in_memory
from sagaline.storage.tables.creation import missing_columns
from sagaline.storage.tables.ownership import read_ownership, refuse_another
from sagaline.storage.tables.read_tables import table_exists
from sagaline.system.environment import environment, log_at, views_at
from sagaline.system.system import System


class InspectedLog:
    """The log of one application, read without running the application."""

    def __init__(self, application: type[Application], env: Mapping[str, str]) -> None:
        merged = {**application.env, **env, "CREATE_TABLE": "no"}
        self._factory = Factory(Environment(application.name, merged))
        self.recorder: ApplicationRecorder = self._factory.application_recorder()
        self.mapper = typed_mapper(self._factory, self._factory.transcoder())
        self._exists = False

    def exists(self) -> bool:
        """Whether its table exists; the first write to the log creates it."""
        if not self._exists:
            log, datastore = self.recorder.log, self.recorder.datastore
            self._exists = has_table(datastore, log.table)
            if self._exists:
                with datastore.read() as connection:
                    log.leave_out(missing_columns(connection, log.table))
        return self._exists

    def close(self) -> None:
        """Close its connections."""
        self._factory.close()


class InspectedStores:
    """All stores of a system, to be read.

    Raises StoreUnusable where one of them does not exist or belongs to another system: reading must
    not create a store.
    """

    def __init__(self, system: System, env: Mapping[str, str], opened: ExitStack) -> None:
        self.system = system
        self.env = env = environment(dict(env))
        self.logs: dict[str, InspectedLog] = {}
        """The logs of all members by name; some may have no table yet."""
        for each in system.members:
            self.logs[each.name] = InspectedLog(each, env)
            opened.callback(self.logs[each.name].close)
        self.views = Datastore.open(*views_at(env))
        opened.callback(self.views.close)
        for datastore in self.datastores:
            refuse_missing(datastore)
            refuse_foreign(datastore, system)
        for name, log in self.written.items():
            check_encoding(name, log.recorder, log.mapper)

    @property
    def datastores(self) -> list[Datastore]:
        """Every store once; the store of the read tables is the last."""
        found = [each.recorder.datastore for each in self.logs.values()]
        return list(dict.fromkeys([*found, self.views]))

    @property
    def written(self) -> dict[str, InspectedLog]:
        """The logs whose table exists."""
        return {name: each for name, each in self.logs.items() if each.exists()}

    def log(self, name: str) -> dict[str, InspectedLog]:
        """Return the log of one application by its name, in upper or lower case.

        Raises NameUnknown where the system has no such application.
        """
        for each, log in self.logs.items():
            if each.lower() == name.lower():
                return {each: log}
        raise NameUnknown(kind="application", name=name, known=", ".join(self.logs))

    def has_view(self, table: Table) -> bool:
        """Whether a read table exists."""
        return has_table(self.views, table)


def system_and_environment(ctx: typer.Context) -> tuple[System, dict[str, str]]:
    """Return the system of a command, and the environment that names its stores."""
    given = settings_of(ctx)
    system, env = given.system(), given.environment()
    for each in system.members:
        # The variable of a single application may name another store.
        refuse_in_memory(log_at(environment(env), each)[0])
    return system, env


@contextmanager
def inspected(ctx: typer.Context) -> Iterator[InspectedStores]:
    """Open the stores of a command to read them."""
    system, env = system_and_environment(ctx)
    with inspect_stores(system, env) as stores:
        yield stores


@contextmanager
def inspect_stores(system: System, env: Mapping[str, str]) -> Iterator[InspectedStores]:
    """Open the stores of a system to read them."""
    with ExitStack() as opened:
        yield InspectedStores(system, env, opened)


@contextmanager
def views(system: System, env: Mapping[str, str]) -> Iterator[Datastore]:
    """Open the store of a system's read tables alone, to read it."""
    datastore = Datastore.open(*views_at(environment(dict(env))))
    try:
        refuse_missing(datastore)
        refuse_foreign(datastore, system)
        yield datastore
    finally:
        datastore.close()


def refuse_missing(datastore: Datastore) -> None:
    """Raise StoreUnusable for a store that does not exist: connecting would create its file."""
    if datastore.dialect != "sqlite":
        return
    url = datastore.engine.url
    if sqlite.is_in_memory(url):
        _refuse(datastore, "it is in memory, where no other process can see it")
    if not sqlite.has_access(sqlite.path(url), os.F_OK):
        _refuse(datastore, "it does not exist")


def refuse_foreign(datastore: Datastore, system: System) -> None:
    """Refuse a database that is not a store of this system.

    Raises StoreUnusable where it is no store, StoreOfAnotherSystem where it belongs to another.
    """
    if read_ownership(datastore) is None:
        _refuse(datastore, "it has no tables of Sagaline")
    refuse_another(datastore, system.name)


def _refuse(datastore: Datastore, reason: str) -> NoReturn:
    raise StoreUnusable(url=datastore.address, reason=reason)


def has_table(datastore: Datastore, table: Table) -> bool:
    """Whether a store has this table."""
    with datastore.read() as connection:
        return table_exists(connection, table.name)
