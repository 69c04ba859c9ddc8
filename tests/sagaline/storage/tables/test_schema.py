"""Moments in the framework's tables."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.schema import dead_letters
from tests.sagaline.storage.stores import opened

NOON = datetime(2026, 2, 3, 12, tzinfo=timezone(timedelta(hours=1)))


def _letter(parked_at: datetime) -> dict[str, Any]:
    texts = dict.fromkeys(("follower", "leader", "topic", "error", "traceback"), "x")
    return {**texts, "position": 1, "attempts": 3, "parked_at": parked_at}


def test_a_moment_is_stored_in_utc(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        with datastore.write() as connection:
            connection.execute(insert(dead_letters), _letter(NOON))
            found = connection.execute(select(dead_letters.c.parked_at)).scalar_one()
        assert found == NOON
        assert found.tzinfo is UTC


def test_a_moment_is_sortable_text_on_sqlite(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        create_tables(datastore)
        with datastore.write() as connection:
            connection.execute(insert(dead_letters), _letter(NOON))
            text = connection.exec_driver_sql("SELECT parked_at FROM dead_letters").scalar()
        assert text == "2026-02-03T11:00:00.000000+00:00"


def test_a_moment_without_a_time_zone_is_refused(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        create_tables(datastore)
        with datastore.write() as connection, pytest.raises(StatementError, match="no time zone"):
            connection.execute(insert(dead_letters), _letter(NOON.replace(tzinfo=None)))
