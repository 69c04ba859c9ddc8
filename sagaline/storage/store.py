"""Whom a store was made for."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, inspect, select, update

from sagaline.errors import StoreOfAnotherSystem, StoreUnusable
from sagaline.storage.creation import FOREIGN, refuse_unfit
from sagaline.storage.tables import store

if TYPE_CHECKING:
    from sagaline.storage.datastore import Datastore


class Claim(NamedTuple):
    """The system that a store was made for, and its applications; no system before the first."""

    system: str | None = None
    applications: tuple[str, ...] = ()

    @classmethod
    def read(cls, connection: Connection) -> "Claim":
        """What the store says."""
        row = connection.execute(select(store.c.system, store.c.applications)).first()
        return cls() if row is None else cls(row[0], tuple(json.loads(row[1])))


def claim(datastore: "Datastore", system: str, applications: Sequence[str]) -> None:
    """Makes a new store one of this system; later, lets only this system in.

    A system may grow: applications that are new to the store are added. Raises
    StoreOfAnotherSystem, StoreTooNew or StoreUnusable, and changes nothing then.
    """
    found = look(datastore) or Claim()
    _refuse_another(datastore, found, system)
    datastore.prepare()
    if found.system == system and set(applications) <= set(found.applications):
        return
    with datastore.write() as connection:
        # Of those that claim it at once, the row lets one be the first.
        connection.execute(update(store).values(version=store.c.version))
        found = Claim.read(connection)
        _refuse_another(datastore, found, system)
        names = json.dumps(list(dict.fromkeys([*found.applications, *applications])))
        connection.execute(update(store).values(system=system, applications=names))


def refuse_another(datastore: "Datastore", system: str) -> None:
    """Raises StoreOfAnotherSystem, StoreTooNew or StoreUnusable; changes nothing."""
    _refuse_another(datastore, look(datastore) or Claim(), system)


def refuse_taken(datastore: "Datastore", tables: Mapping[str, Collection[str]]) -> None:
    """Raises StoreUnusable where another program has one of these tables, which are to be made.

    It is another's if it lacks one of the columns given, or is a view, in a store that is not one
    yet; later the tables may have changed with their system. Changes nothing.
    """
    if look(datastore) is not None:
        return
    with datastore.look() as connection:
        inspector = inspect(connection)
        there = inspector.get_table_names(datastore.schema)
        known = _as_compared(datastore, there)
        views = _as_compared(datastore, inspector.get_view_names(datastore.schema))
        for name, wanted in tables.items():
            found = known.get(name)
            columns = [] if found is None else inspector.get_columns(found, datastore.schema)
            lacks = not {each["name"] for each in columns}.issuperset(wanted)
            if name in views or (found is not None and lacks):
                raise StoreUnusable(url=datastore.address, reason=f"its table {name!r} {FOREIGN}")


def _as_compared(datastore: "Datastore", names: Iterable[str]) -> dict[str, str]:
    """Names of tables by what the database takes them for: SQLite makes no difference of case."""
    return {each.lower() if datastore.dialect == "sqlite" else each: each for each in names}


def check(datastore: "Datastore", application: str) -> None:
    """Lets an application use the store, if nobody has claimed it or it is one of the system's.

    Raises StoreOfAnotherSystem, StoreTooNew or StoreUnusable; changes nothing.
    """
    found = look(datastore) or Claim()
    if found.system is not None and application not in found.applications:
        raise StoreOfAnotherSystem(
            url=datastore.address, reason="", found=found.system, wanted=application
        )


def look(datastore: "Datastore") -> Claim | None:
    """Whom the store was made for; None where it is no store yet.

    Raises StoreTooNew or StoreUnusable; changes nothing.
    """
    try:
        with datastore.look() as connection:
            refuse_unfit(datastore, connection)
            if not inspect(connection).has_table(store.name, datastore.schema):
                return None
            return Claim.read(connection)
    except Exception as error:
        datastore.refuse_unusable(error)
        raise


def _refuse_another(datastore: "Datastore", found: Claim, system: str) -> None:
    if found.system not in (None, system):
        raise StoreOfAnotherSystem(
            url=datastore.address, reason="", found=found.system, wanted=system
        )
