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
    """Swap a shadow for the live table, which stays for `swap_back`.

    `positions` are those of the shadow, which become the live follower's; `made_by` is the
    fingerprint of the read model that made the shadow.
    """
    old = _follower_of_old(view)
    forget_follower(connection, old)
    drop_table(connection, _old_of(view))
    place_follower(connection, old, follower_state(connection, view).positions)
    record_fingerprint(connection, old, fingerprints(connection).get(view, ""))
    # The new table has the events that the live follower had parked.
    move_letters(connection, view, old)
    rename_table(connection, view, _old_of(view))
    rename_table(connection, shadow, view)
    place_follower(connection, view, positions)
    record_fingerprint(connection, view, made_by)


def swap_back(connection: Connection, view: str) -> str:
    """Swap the live table and the one before it; return its name. A second call swaps them back.

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
