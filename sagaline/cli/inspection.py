"""The stores of a system, to look into: nothing is run, created, claimed or changed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NoReturn
from uuid import UUID

from eventsourcing.persistence import Mapper
from eventsourcing.utils import Environment
from sqlalchemy import Table

from sagaline.application.application import Application
from sagaline.codec import TypedMapper
from sagaline.errors import NameUnknown, StoreUnusable
from sagaline.storage import ApplicationRecorder, Datastore, Factory
from sagaline.storage.sql import sqlite
from sagaline.storage.tables.ownership import read_ownership, refuse_another
from sagaline.storage.tables.read_tables import table_exists
from sagaline.system.environment import environment, views_at
from sagaline.system.system import System


class InspectedLog:
    """The log of one application, read without running the application."""

    def __init__(self, application: type[Application], env: Mapping[str, str]) -> None:
        merged = {**application.env, **env, "CREATE_TABLE": "no"}
        self._factory = Factory(Environment(application.name, merged))
        self.recorder: ApplicationRecorder = self._factory.application_recorder()
        self.mapper: Mapper[UUID] = self._factory.mapper(
            self._factory.transcoder(), mapper_class=TypedMapper
        )
        self._exists = False

    def exists(self) -> bool:
        """Whether its table is there, which whoever first writes to it creates."""
        if not self._exists:
            self._exists = has_table(self.recorder.datastore, self.recorder.log.table)
        return self._exists

    def close(self) -> None:
        """Lets its connections go."""
        self._factory.close()


class InspectedStores:
    """What the stores of a system hold.

    Raises StoreUnusable where one of them does not exist, or is of another system: to look at a
    store must not make one.
    """

    def __init__(self, system: System, env: Mapping[str, str], opened: ExitStack) -> None:
        self.system = system
        env = environment(dict(env))
        self.logs: dict[str, InspectedLog] = {}
        """The logs of all members by name, those that nobody has written to among them."""
        for each in system.members:
            self.logs[each.name] = InspectedLog(each, env)
            opened.callback(self.logs[each.name].close)
        self.views = Datastore.open(*views_at(env))
        opened.callback(self.views.close)
        for datastore in self.datastores:
            refuse_missing(datastore)
            refuse_foreign(datastore, system)

    @property
    def datastores(self) -> list[Datastore]:
        """Every store once, that of the read tables last."""
        found = [each.recorder.datastore for each in self.logs.values()]
        return list(dict.fromkeys([*found, self.views]))

    @property
    def written(self) -> dict[str, InspectedLog]:
        """The logs that there are."""
        return {name: each for name, each in self.logs.items() if each.exists()}

    def log(self, name: str) -> dict[str, InspectedLog]:
        """The log of one application, however its case is written.

        Raises NameUnknown where the system has no such application.
        """
        for each, log in self.logs.items():
            if each.lower() == name.lower():
                return {each: log}
        raise NameUnknown(kind="application", name=name, known=", ".join(self.logs))

    def has_view(self, table: Table) -> bool:
        """Whether a read table is there."""
        return has_table(self.views, table)


@contextmanager
def inspect_stores(system: System, env: Mapping[str, str]) -> Iterator[InspectedStores]:
    """The stores of a system, for as long as they are looked into."""
    with ExitStack() as opened:
        yield InspectedStores(system, env, opened)


@contextmanager
def views(system: System, env: Mapping[str, str]) -> Iterator[Datastore]:
    """The store of a system's read tables alone, for as long as it is looked into."""
    datastore = Datastore.open(*views_at(environment(dict(env))))
    try:
        refuse_missing(datastore)
        refuse_foreign(datastore, system)
        yield datastore
    finally:
        datastore.close()


def refuse_missing(datastore: Datastore) -> None:
    """Raises StoreUnusable for a store that is not there yet: connecting would make its file."""
    if datastore.dialect != "sqlite":
        return
    url = datastore.engine.url
    if sqlite.is_in_memory(url):
        _refuse(datastore, "it is in memory, where no other process can see it")
    if not sqlite.has_access(sqlite.path(url), os.F_OK):
        _refuse(datastore, "it does not exist")


def refuse_foreign(datastore: Datastore, system: System) -> None:
    """Raises StoreUnusable for a database that is no store, StoreOfAnotherSystem for another's."""
    if read_ownership(datastore) is None:
        _refuse(datastore, "it has no tables of Sagaline")
    refuse_another(datastore, system.name)


def _refuse(datastore: Datastore, reason: str) -> NoReturn:
    raise StoreUnusable(url=datastore.address, reason=reason)


def has_table(datastore: Datastore, table: Table) -> bool:
    """Whether a store has this table."""
    with datastore.read() as connection:
        return table_exists(connection, table.name)
