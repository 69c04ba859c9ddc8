"""Two processes run one follower: each effect is written once."""

from collections import Counter
from collections.abc import Callable

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, Tracking
from sqlalchemy import BigInteger, Column, MetaData, Table, insert, select

from sagaline.errors import FencedOut
from sagaline.storage import Datastore, FollowerState, advance, follower_state, register
from sagaline.storage.tables.creation import create_tables
from tests.sagaline.small_system import PROCESSES, joined
from tests.sagaline.storage.stores import opened, placed, recorded, recorder_of, stored

EVENTS = 300

effects = Table("effects", MetaData(), Column("event", BigInteger, nullable=False))


def follow_in_batches(url: str, size: int) -> None:
    """A runner that reads overlapping batches and writes one effect for each event."""
    with opened(url) as datastore:
        orders = recorder_of(datastore)
        while (at := _state(datastore)).positions["Orders"] < EVENTS:
            page = orders.page(at.positions["Orders"], size)
            try:
                with datastore.write() as connection:
                    advance(connection, "Saga", at.fence, {"Orders": page.head})
                    rows = [{"event": row.id} for row in page.rows]
                    connection.execute(insert(effects), rows)
            except (FencedOut, OperationalError):
                continue


def follow_one_by_one(url: str, _: int) -> None:
    """An upstream runner, which records each position with the effect of its event."""
    with opened(url) as datastore:
        orders, saga = recorder_of(datastore), recorder_of(datastore, "Saga")
        while (after := saga.max_tracking_id("Orders") or 0) < EVENTS:
            for each in orders.select_notifications(after, 20, inclusive_of_start=False):
                try:
                    saga.insert_events([stored()], tracking=Tracking("Orders", each.id))
                except (IntegrityError, OperationalError):
                    break


def _state(datastore: Datastore) -> FollowerState:
    with datastore.read() as connection:
        return follower_state(connection, "Saga")


def _together(target: Callable[[str, int], None], url: str) -> None:
    joined(*[PROCESSES.Process(target=target, args=(url, size)) for size in (7, 10)])


@pytest.fixture
def shop(store_url: str) -> str:
    with opened(store_url) as datastore:
        recorded(recorder_of(datastore), *[placed() for _ in range(EVENTS)])
        create_tables(datastore, [effects])
        with datastore.write() as connection:
            register(connection, "Saga", ["Orders"])
    return store_url


def test_two_runners_with_overlapping_batches_write_each_effect_once(shop: str) -> None:
    _together(follow_in_batches, shop)
    with opened(shop) as datastore, datastore.read() as connection:
        found = Counter(connection.execute(select(effects.c.event)).scalars())
    assert found == Counter(range(1, EVENTS + 1))


def test_two_upstream_runners_write_each_effect_once(shop: str) -> None:
    _together(follow_one_by_one, shop)
    with opened(shop) as datastore:
        saga = recorder_of(datastore, "Saga")
        assert len(saga.page(0, 10 * EVENTS).rows) == EVENTS
        assert saga.max_tracking_id("Orders") == EVENTS
