"""Which system owns a store."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, inspect, select, update

from sagaline.errors import StoreOfAnotherSystem, StoreUnusable
from sagaline.storage.sql.checked import read_json
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.tables.creation import FOREIGN, create_tables, refuse_bare, refuse_unfit
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.schema import positions, store

NO_TABLES: Final[Mapping[str, Collection[str]]] = {}


class Ownership(NamedTuple):
    """The system that owns a store, and its applications; no system before the first one."""

    system: str | None = None
    applications: tuple[str, ...] = ()

    @classmethod
    def read(cls, connection: Connection) -> "Ownership":
        """Reads it from a store."""
        row = connection.execute(select(store.c.system, store.c.applications)).first()
        return (
            cls()
            if row is None
            else cls(row[0], tuple(read_json(row[1], list, "store.applications")))
        )


def own_store(
    datastore: Datastore,
    system: str,
    applications: Sequence[str],
    removed: Collection[str] = (),
) -> None:
    """Claims a new store for a system, adds applications new to the store, and forgets others.

    What is `removed` loses its positions: if it comes back, it is new.

    Raises StoreOfAnotherSystem, StoreTooNew or StoreUnusable, and changes nothing then.
    """
    _own(datastore, read_ownership(datastore) or Ownership(), system, applications, removed)


def _own(
    datastore: Datastore,
    found: Ownership,
    system: str,
    applications: Sequence[str],
    removed: Collection[str],
) -> None:
    _refuse_another(datastore, found, system)
    create_tables(datastore)
    if found.system == system and _kept(found, applications, removed) == found.applications:
        return
    with datastore.write() as connection:
        # This update locks the row, so that one of several claims at once comes first.
        connection.execute(update(store).values(version=store.c.version))
        found = Ownership.read(connection)
        _refuse_another(datastore, found, system)
        names = _kept(found, applications, removed)
        connection.execute(update(store).values(system=system, applications=json.dumps(names)))
        datastore.owned_applications = frozenset()
        for each in set(found.applications).difference(names):
            raise_fence(connection, each)
            connection.execute(delete(positions).where(positions.c.follower == each))


def claim_store(
    datastore: Datastore, system: str, applications: Sequence[str], removed: Collection[str] = ()
) -> None:
    """Claims a store for a system, and leaves a new one without applications.

    They are added by `own_store` when all parts have their positions: until then no system has run
    on the store, whoever looks at it, so that several runners may start at once, or be killed.

    Raises as `own_store`.
    """
    found = read_ownership(datastore) or Ownership()
    _own(datastore, found, system, applications if found.applications else (), removed)


def _kept(
    found: Ownership, applications: Sequence[str], removed: Collection[str]
) -> tuple[str, ...]:
    names = dict.fromkeys([*found.applications, *applications])
    return tuple(each for each in names if each not in removed)


def refuse_another(
    datastore: Datastore, system: str, tables: Mapping[str, Collection[str]] = NO_TABLES
) -> None:
    """Raises StoreOfAnotherSystem, StoreTooNew or StoreUnusable; changes nothing.

    `tables` are those that the system is about to create there, with the columns that each needs.
    In a database that is not a store yet, a view of that name, or a table that lacks one of the
    columns, belongs to another program; later, the tables may have changed with their system.
    """
    found = read_ownership(datastore)
    _refuse_another(datastore, found or Ownership(), system)
    if found is None and tables:
        _refuse_taken(datastore, tables)


def _refuse_taken(datastore: Datastore, tables: Mapping[str, Collection[str]]) -> None:
    with datastore.inspect() as connection:
        refuse_bare(datastore, connection, tables)
        inspector = inspect(connection)
        known = _by_compared_name(datastore, inspector.get_table_names(datastore.schema))
        views = _by_compared_name(datastore, inspector.get_view_names(datastore.schema))
        for name, wanted in tables.items():
            found = known.get(name)
            columns = [] if found is None else inspector.get_columns(found, datastore.schema)
            lacks = not {each["name"] for each in columns}.issuperset(wanted)
            if name in views or (found is not None and lacks):
                raise StoreUnusable(url=datastore.address, reason=f"its table {name!r} {FOREIGN}")


def _by_compared_name(datastore: Datastore, names: Iterable[str]) -> dict[str, str]:
    """Names of tables by the form that the database compares: SQLite ignores case."""
    return {each.lower() if datastore.dialect == "sqlite" else each: each for each in names}


def refuse_foreign_application(datastore: Datastore, application: str) -> None:
    """Refuses an application that the system owning the store does not have.

    Raises StoreOfAnotherSystem, StoreTooNew or StoreUnusable; changes nothing.
    """
    if application in datastore.owned_applications:
        return  # a runner opens all applications of a store that it has just claimed
    found = read_ownership(datastore) or Ownership()
    if found.applications and application not in found.applications:
        raise StoreOfAnotherSystem(
            url=datastore.address,
            reason="",
            found=str(found.system),
            wanted=application,
            cure=f"it has {', '.join(found.applications)}. Give a renamed class its former name, "
            "as in class NewName(..., name='Orders'); `sagaline run` adds a new application",
        )


def read_ownership(datastore: Datastore) -> Ownership | None:
    """The ownership of a store; None if the database is not a store yet.

    Raises StoreTooNew or StoreUnusable; changes nothing.
    """
    found = _read_ownership(datastore)
    datastore.owned_applications = frozenset(found.applications if found else ())
    return found


def _read_ownership(datastore: Datastore) -> Ownership | None:
    try:
        if store.fullname in datastore.existing_tables:
            with datastore.read() as connection:
                return Ownership.read(connection)
        with datastore.inspect() as connection:
            refuse_unfit(datastore, connection)
            if not inspect(connection).has_table(store.name, datastore.schema):
                return None
            return Ownership.read(connection)
    except Exception as error:
        datastore.refuse_unusable(error)
        raise


def _refuse_another(datastore: Datastore, found: Ownership, system: str) -> None:
    if found.system not in (None, system):
        raise StoreOfAnotherSystem(
            url=datastore.address,
            reason="",
            found=found.system,
            wanted=system,
            cure="check the URL",
        )
