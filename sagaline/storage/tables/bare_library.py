"""Recognises tables that the library `eventsourcing` has made without SQLAlchemy."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Inspector
from sqlalchemy.types import String, TypeEngine

from sagaline.storage.tables.schema import store

CURE: Final = "copy its events into a new store, see docs/upstream.md"


_STORED: Final = {"originator_id", "originator_version", "topic", "state"}

_SHARED: Final = "stored_events"
"""The table of `eventsourcing.sqlite`, whatever its application is called."""


def bare_table(
    inspector: Inspector, schema: str | None, names: Collection[str]
) -> tuple[str, str] | None:
    """The first of these tables that has the library's own shape, and the module that made it.

    The library numbers events by SQLite's hidden row ids, or by a column `notification_id`, and
    its text ids of aggregates cannot be compared with UUIDs. Its snapshots on PostgreSQL have the
    shape of ours. A database that is a store already may have the library's table beside it.
    """
    there = set(inspector.get_table_names(schema))
    wanted = names if store.name in there else {*names, _SHARED}
    for name in sorted(there.intersection(wanted)):
        found: dict[str, TypeEngine[object]] = {
            each["name"]: each["type"] for each in inspector.get_columns(name, schema)
        }
        has_text_ids = isinstance(found.get("originator_id"), String)
        lacks_ids = name.endswith("_events") and "id" not in found
        if found.keys() >= _STORED and (has_text_ids or lacks_ids):
            kind = "sqlite" if inspector.dialect.name == "sqlite" else "postgres"
            return name, f"eventsourcing.{kind}"
    return None
