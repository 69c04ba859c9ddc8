"""Subscriptions: upstream has them only on PostgreSQL, and loses them with a connection."""

import threading
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.projection import (
    EventSourcedProjection,
    EventSourcedProjectionRunner,
    Projection,
    ProjectionRunner,
)
from eventsourcing_sqlalchemy.recorders import SQLAlchemyApplicationRecorder
from typing_extensions import override

from sagaline.storage import TrackingRecorder
from tests.sagaline.storage.stores import bare, opened, outside, placed, recorded, recorder_of


class Counted(Aggregate):
    pass


class CountView(TrackingRecorder):
    """Counts in memory, and records positions."""

    count = 0


class Count(Projection[CountView]):
    name = "count"

    @override
    def process_event(self, domain_event: object, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)
        self.view.count += 1


class Copies(EventSourcedProjection[UUID]):
    """Records an aggregate for each created aggregate of its leader."""

    @override
    def policy(self, domain_event, processing_event) -> None:  # type: ignore[no-untyped-def]
        processing_event.collect_events(Counted())


def test_the_library_has_no_subscriptions_on_sqlite(sqlite_store: str) -> None:
    with bare(sqlite_store) as library:
        orders = SQLAlchemyApplicationRecorder(library, events_table_name="some_events")
        with pytest.raises(NotImplementedError):
            orders.subscribe()


def test_a_subscription_waits_for_new_events(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed(), placed(topic="Paid"))
        with orders.subscribe(gt=1) as subscription:
            assert next(subscription).id == 2
            recorded(orders, placed())
            assert next(subscription).id == 3
        with orders.subscribe(topics=["Paid"]) as subscription:
            assert next(subscription).id == 2


def test_a_projection_runner_runs_on_every_store(store_url: str) -> None:
    env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store_url}
    with ProjectionRunner(
        application_class=Application[UUID], projection_class=Count, view_class=CountView, env=env
    ) as runner:
        for _ in range(3):
            last = runner.app.save(Counted())[-1].notification.id
        runner.wait(last, timeout=120)
        assert runner.projection.view.count == 3
    runner.projection.view.datastore.close()


def test_an_event_sourced_projection_runs_on_every_store(store_url: str) -> None:
    env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store_url}
    with EventSourcedProjectionRunner(
        application_class=Application[UUID], projection_class=Copies, env=env
    ) as runner:
        last = runner.app.save(Counted())[-1].notification.id
        runner.wait(last, timeout=120)
        assert runner.projection.recorder.max_notification_id() == 1


def test_a_subscription_survives_lost_connections(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        with orders.subscribe() as subscription:
            assert next(subscription).id == 1
            for expected in (2, 3):
                with outside(postgres_store) as other:
                    other.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                recorded(orders, placed())
                assert next(subscription).id == expected


def test_a_subscription_ends_when_it_is_stopped(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with orders.subscribe() as subscription:
            threading.Timer(0.1, subscription.stop).start()
            assert list(subscription) == []
