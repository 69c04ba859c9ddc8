"""Faults of the library when several processes share a store.

The framework's behaviour is tested with its followers, logs, table creation and subscriptions.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError, ProgrammingError, Tracking
from eventsourcing_sqlalchemy.recorders import (
    SQLAlchemyApplicationRecorder,
    SQLAlchemyProcessRecorder,
)
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from tests.sagaline.small_system import until
from tests.sagaline.storage.stores import bare, outside, stored
from tests.upstream.test_library import KILL


class Overtaken(SQLAlchemyProcessRecorder):
    """A worker that pauses between its check and its write, while another one continues."""

    meanwhile: Callable[[], Any] | None = None

    @override
    def has_tracking_id(self, application_name: str, notification_id: int | None) -> bool:
        found = super().has_tracking_id(application_name, notification_id)
        if self.meanwhile is not None:
            # In another thread, because here one context would join both transactions.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self.meanwhile).result()
        return found


NAMES = {"events_table_name": "saga_events", "tracking_table_name": "saga_tracking"}


def test_two_workers_of_the_library_write_one_effect_twice(store_url: str) -> None:
    with bare(store_url) as mine, bare(store_url) as theirs:
        late, other = Overtaken(mine, **NAMES), SQLAlchemyProcessRecorder(theirs, **NAMES)
        late.create_table()
        late.insert_tracking(Tracking("Orders", 1))
        second = Tracking("Orders", 2)
        late.meanwhile = lambda: other.insert_events([stored()], tracking=second)
        late.insert_events([stored()], tracking=second)
        assert late.max_notification_id() == 2


def test_the_library_locks_the_log_indefinitely_to_move_a_position(postgres_store: str) -> None:
    held = (
        "SELECT mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
        "WHERE relname = 'saga_events'"
    )
    with bare(postgres_store) as library, outside(postgres_store) as server:
        saga = SQLAlchemyProcessRecorder(library, **NAMES)
        saga.create_table()
        with saga.transaction(commit=True) as session:
            saga.insert_events([], session=session, tracking=Tracking("Orders", 1))
            assert server.execute(text(held)).scalars().all() == ["ExclusiveLock"]
            assert session.execute(text("SHOW lock_timeout")).scalar() == "0"


def test_two_transactions_of_the_library_deadlock(postgres_store: str) -> None:
    with bare(postgres_store) as library, ThreadPoolExecutor(2) as pool:
        logs = [
            SQLAlchemyApplicationRecorder(library, events_table_name=name)
            for name in ("orders_events", "payments_events")
        ]
        for each in logs:
            each.create_table()
        both = threading.Barrier(2)

        def save(*order: SQLAlchemyApplicationRecorder) -> None:
            with library.transaction(commit=True):
                for each in order:
                    each.insert_events([stored()])
                    if each is order[0]:
                        both.wait(30)

        done = [pool.submit(save, *logs), pool.submit(save, *reversed(logs))]
        errors = [str(each.exception()) for each in done if each.exception()]
        assert ["deadlock detected" in each for each in errors] == [True]


def test_the_second_of_two_first_starts_of_the_library_fails(store_url: str) -> None:
    with bare(store_url) as mine, bare(store_url) as theirs:
        late, other = (
            SQLAlchemyApplicationRecorder(each, events_table_name="some_events")
            for each in (mine, theirs)
        )
        # It has found no table, and is about to create it.
        table = late.events_record_cls.__table__
        event.listen(table, "before_create", lambda *_, **__: other.create_table(), once=True)
        with pytest.raises((OperationalError, ProgrammingError, DBAPIError), match="exists"):
            late.create_table()


LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND query LIKE 'LISTEN %'"


def test_a_subscription_of_the_library_ends_with_its_connection(postgres_store: str) -> None:
    with bare(postgres_store) as library, outside(postgres_store) as server:
        orders = SQLAlchemyApplicationRecorder(library, events_table_name="some_events")
        orders.create_table()
        orders.insert_events([stored()])
        with orders.subscribe(gt=0) as subscription:
            assert next(subscription).id == 1
            until(lambda: server.execute(text(LISTENING)).scalar() == 1)
            server.exec_driver_sql(KILL)
            with pytest.raises(
                (psycopg.OperationalError, OperationalError), match=r"closed|terminat"
            ):
                next(subscription)
