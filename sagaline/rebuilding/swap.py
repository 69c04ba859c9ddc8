"""The swap of a read table for another generation of it, in one transaction."""

from sqlalchemy import Connection

from sagaline.errors import NothingToRollBack
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


def swap_in(
    connection: Connection, view: str, shadow: str, positions: dict[str, int], made_by: str
) -> None:
    """Puts a shadow in the place of the live table, which stays for `swap_back`.

    `positions` are those of the shadow, which the live follower takes over; `made_by` is the
    fingerprint of the read model that made it.
    """
    old = _follower_of_old(view)
    forget_follower(connection, old)
    drop_table(connection, _old_of(view))
    place_follower(connection, old, follower_state(connection, view).positions)
    record_fingerprint(connection, old, fingerprints(connection).get(view, ""))
    # What the live follower had parked is in the new table.
    move_letters(connection, view, old)
    rename_table(connection, view, _old_of(view))
    rename_table(connection, shadow, view)
    place_follower(connection, view, positions)
    record_fingerprint(connection, view, made_by)


def swap_back(connection: Connection, view: str) -> str:
    """Changes the live table for the one before it; returns its name. Again, it changes back.

    Raises `NothingToRollBack` where there is none.
    """
    old = _old_of(view)
    if not table_exists(connection, old):
        raise NothingToRollBack(view=view)
    follower, made_by = _follower_of_old(view), fingerprints(connection)
    live = lock_follower(connection, view).positions
    before = follower_state(connection, follower).positions
    spare = f"{view}__spare"
    for one, two in ((view, spare), (old, view), (spare, old)):
        rename_table(connection, one, two)
    for one, two in ((view, spare), (follower, view), (spare, follower)):
        move_letters(connection, one, two)
    place_follower(connection, view, before)
    place_follower(connection, follower, live)
    record_fingerprint(connection, view, made_by.get(follower, ""))
    record_fingerprint(connection, follower, made_by.get(view, ""))
    return view


def _old_of(view: str) -> str:
    return f"{view}__old"


def _follower_of_old(view: str) -> str:
    return f"{view}@old"
