"""The swap of a read table for another generation of it, in one transaction."""

from contextlib import suppress

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from sagaline.errors import NothingToRollBack, TableNotReplaceable
from sagaline.storage.sql.names import shortened
from sagaline.storage.tables.attachments import attach, attachments
from sagaline.storage.tables.followers import follower_state
from sagaline.storage.tables.read_tables import (
    drop_table,
    fingerprints,
    forget_follower,
    lock_follower,
    move_letters,
    place_follower,
    record_fingerprint,
    rename_table,
    table_exists,
)


class _Rehearsed(Exception):
    """The swap would succeed, and is undone."""


def rehearse_swap(connection: Connection, table: Table, shadow: str) -> None:
    """Swap the tables and undo it, so that a swap that cannot succeed is refused at once.

    Raises `TableNotReplaceable`.
    """
    with suppress(_Rehearsed), connection.begin_nested():
        _replace(connection, table, shadow, _spare_of(table.name))
        if connection.dialect.name == "postgresql":  # where others can depend on a table
            _drop_unless_used(connection, table.name)
        raise _Rehearsed


def _drop_unless_used(connection: Connection, view: str) -> None:
    old = _old_of(view)
    try:
        drop_table(connection, old)
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise TableNotReplaceable(view=view, what=f"what reads {old}", reason=reason) from error


def swap_in(
    connection: Connection, table: Table, shadow: str, positions: dict[str, int], made_by: str
) -> None:
    """Swap a shadow for the live table, which stays for `swap_back`.

    `positions` are those of the shadow, which become the live follower's; `made_by` is the
    fingerprint of the read model that made the shadow. Raises `TableNotReplaceable`.
    """
    view = table.name
    drop_old(connection, view)
    old = _follower_of_old(view)
    place_follower(connection, old, follower_state(connection, view).positions)
    record_fingerprint(connection, old, fingerprints(connection).get(view, ""))
    # The new table has the events that the live follower had parked.
    move_letters(connection, view, old)
    _replace(connection, table, shadow, _old_of(view))
    place_follower(connection, view, positions)
    record_fingerprint(connection, view, made_by)


def drop_old(connection: Connection, view: str) -> None:
    """Drop the table that a rebuild has replaced, if there is one, with its follower."""
    forget_follower(connection, _follower_of_old(view))
    drop_table(connection, _old_of(view))


def _replace(connection: Connection, table: Table, successor: str, retired: str) -> None:
    """Give the name of a table to its successor, and another name to the table."""
    declared = [str(each.name) for each in table.indexes]
    found = attachments(connection, table.name, successor, declared)
    rename_table(connection, table.name, retired)
    rename_table(connection, successor, table.name)
    attach(connection, table.name, found)


def swap_back(connection: Connection, table: Table) -> str:
    """Swap the live table and the one before it; return its name. A second call swaps them back.

    Raises `NothingToRollBack` where there is none, and `TableNotReplaceable`.
    """
    view = table.name
    old = _old_of(view)
    if not table_exists(connection, old):
        raise NothingToRollBack(view=view)
    follower, made_by = _follower_of_old(view), fingerprints(connection)
    live = lock_follower(connection, view).positions
    before = follower_state(connection, follower).positions
    spare = _spare_of(view)
    _replace(connection, table, old, spare)
    rename_table(connection, spare, old)
    for one, two in ((view, spare), (follower, view), (spare, follower)):
        move_letters(connection, one, two)
    place_follower(connection, view, before)
    place_follower(connection, follower, live)
    record_fingerprint(connection, view, made_by.get(follower, ""))
    record_fingerprint(connection, follower, made_by.get(view, ""))
    return view


def _old_of(view: str) -> str:
    return shortened(f"{view}__old")


def _spare_of(view: str) -> str:
    return shortened(f"{view}__spare")


def _follower_of_old(view: str) -> str:
    return f"{view}@old"
