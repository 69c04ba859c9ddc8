"""Positions and fences."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing_sqlalchemy.datastore import SQLAlchemyDatastore
from eventsourcing_sqlalchemy.recorders import SQLAlchemyTrackingRecorder
from typing_extensions import override

from sagaline.errors import FencedOut
from sagaline.storage import (
    Datastore,
    FollowerState,
    ProcessRecorder,
    advance,
    follower_state,
    register,
)
from sagaline.storage.tables.creation import create_tables
from tests.sagaline.storage.stores import bare, opened, recorder_of, stored


def _state(datastore: Datastore, name: str) -> FollowerState:
    with datastore.read() as connection:
        return follower_state(connection, name)


def test_a_follower_starts_at_the_beginning_of_each_log(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        assert _state(datastore, "Saga") == FollowerState(0, {})
        with datastore.write() as connection:
            register(connection, "Saga", ["Orders", "Payments"])
        assert _state(datastore, "Saga") == FollowerState(0, {"Orders": 0, "Payments": 0})


def test_registering_again_keeps_the_positions(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        with datastore.write() as connection:
            register(connection, "Saga", ["Orders"])
            advance(connection, "Saga", 0, {"Orders": 7})
        with datastore.write() as connection:
            register(connection, "Saga", ["Orders", "Payments"])
        assert _state(datastore, "Saga") == FollowerState(1, {"Orders": 7, "Payments": 0})


def test_the_holder_of_the_fence_advances_and_gets_the_next_fence(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        with datastore.write() as connection:
            register(connection, "Saga", ["Orders"])
        with datastore.write() as connection:
            assert advance(connection, "Saga", 0, {"Orders": 5, "Shipping": 3}) == 1
        with datastore.write() as connection:
            assert advance(connection, "Saga", 1, {}) == 2
        assert _state(datastore, "Saga") == FollowerState(2, {"Orders": 5, "Shipping": 3})


def test_a_late_runner_is_fenced_out_and_writes_nothing(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.write() as connection:
            register(connection, "Saga", ["Orders"])
            advance(connection, "Saga", 0, {"Orders": 9})
        with pytest.raises(FencedOut) as fenced, datastore.write() as connection:
            advance(connection, "Saga", 0, {"Orders": 4})
        assert fenced.value.follower == "Saga"
        with pytest.raises(FencedOut):
            _write_before_the_fence(datastore, orders)
        assert _state(datastore, "Saga") == FollowerState(1, {"Orders": 9})
        assert orders.head() == 0


def _write_before_the_fence(datastore: Datastore, orders: ProcessRecorder) -> None:
    with datastore.write() as connection:
        orders.insert_events([stored()])
        advance(connection, "Saga", 5, {"Orders": 10})


def test_an_unregistered_follower_is_fenced_out(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        with pytest.raises(FencedOut), datastore.write() as connection:
            advance(connection, "Nobody", 0, {"Orders": 1})


def test_upstreams_position_is_the_fenced_position(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.write() as connection:
            register(connection, "Orders", ["Saga"])
        assert orders.max_tracking_id("Saga") is None
        orders.insert_tracking(Tracking("Saga", 4))
        assert _state(datastore, "Orders") == FollowerState(1, {"Saga": 4})
        with datastore.write() as connection:
            advance(connection, "Orders", 1, {"Saga": 6})
        assert orders.max_tracking_id("Saga") == 6


def test_an_event_by_event_runner_fences_out_a_batch_runner(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.write() as connection:
            register(connection, "Orders", ["Saga"])
        orders.insert_events([stored()], tracking=Tracking("Saga", 1))
        with pytest.raises(FencedOut), datastore.write() as connection:
            advance(connection, "Orders", 0, {"Saga": 3})


class _Overtaken(SQLAlchemyTrackingRecorder):
    """A worker that pauses between its check and its write, while another one continues."""

    other: SQLAlchemyTrackingRecorder

    @override
    def has_tracking_id(self, application_name: str, notification_id: int | None) -> bool:
        found = super().has_tracking_id(application_name, notification_id)
        self.other.insert_tracking(Tracking(application_name, 10))
        return found


def test_the_library_lets_a_late_worker_move_a_position_back(sqlite_store: str) -> None:
    with bare(sqlite_store) as mine, bare(sqlite_store) as theirs:
        late = _late(mine, theirs)
        late.insert_tracking(Tracking("Orders", 6))
        assert late.max_tracking_id("Orders") == 6


def _late(mine: SQLAlchemyDatastore, theirs: SQLAlchemyDatastore) -> _Overtaken:
    late = _Overtaken(mine, tracking_table_name="saga_tracking")
    late.other = SQLAlchemyTrackingRecorder(theirs, tracking_table_name="saga_tracking")
    late.create_table()
    # In another thread, because here one context would join both transactions.
    late.other.insert_tracking = _in_another_thread(late.other.insert_tracking)  # type: ignore[assignment, method-assign]
    return late


def _in_another_thread(call: Callable[[Tracking], None]) -> Callable[[Tracking], None]:
    def run(tracking: Tracking) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(call, tracking).result()

    return run


def test_a_position_never_moves_back(store_url: str) -> None:
    with opened(store_url) as datastore:
        saga = recorder_of(datastore, "Saga")
        saga.insert_tracking(Tracking("Orders", 10))
        for late in (6, 10):
            with pytest.raises(IntegrityError):
                saga.insert_events([stored()], tracking=Tracking("Orders", late))
        assert saga.max_tracking_id("Orders") == 10
        assert saga.head() == 0


def test_a_leader_may_have_a_long_name(store_url: str) -> None:
    name = "TheDepartmentThatLooksAfterTheReturnsOfOrders"
    with opened(store_url) as datastore:
        saga = recorder_of(datastore, "Saga")
        saga.insert_tracking(Tracking(name, 1))
        assert saga.max_tracking_id(name) == 1
