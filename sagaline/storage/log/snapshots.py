"""Snapshots: the rows of upstream's table ``<application>_snapshots``."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from sqlalchemy import Connection, Table, bindparam, delete, insert

from sagaline.storage.log.event_log import Log
from sagaline.storage.sql.chunks import chunks


class SnapshotRow(NamedTuple):
    """A snapshot, and the log's event of the same version."""

    originator_id: UUID
    version: int
    snapshot: StoredEvent
    event: StoredEvent


def snapshots_of(
    connection: Connection, snapshots: Log, events: Log, ids: Collection[UUID]
) -> list[SnapshotRow]:
    """The snapshots of these aggregates, each in the order of versions.

    A snapshot newer than the log is left out, as there is no event of its version.
    """
    found: list[SnapshotRow] = []
    for chunk in chunks(list(ids)):
        condition, values = events.among("s.originator_id", [events.bound(i) for i in chunk])
        sql = (
            "SELECT s.originator_id, s.originator_version, s.topic, s.state, e.topic, e.state "
            f"FROM {snapshots.name} s JOIN {events.name} e "
            "ON e.originator_id = s.originator_id AND e.originator_version = s.originator_version "
            f"WHERE {condition} ORDER BY s.originator_id, s.originator_version"
        )
        for bound, version, *stored in events.fetch(connection, sql, values):
            id_ = events.loaded(bound)
            pair = (StoredEvent(id_, version, *stored[:2]), StoredEvent(id_, version, *stored[2:]))
            found.append(SnapshotRow(id_, version, *pair))
    return found


def replace_snapshots(
    connection: Connection, snapshots: Table, stored: Sequence[StoredEvent]
) -> None:
    """Replaces all snapshots of the same aggregates."""
    if stored:
        older = delete(snapshots).where(snapshots.c.originator_id == bindparam("id"))
        connection.execute(older, [{"id": each.originator_id} for each in stored])
        connection.execute(insert(snapshots), [vars(each) for each in stored])
