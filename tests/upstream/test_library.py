"""Faults of the library's recorders and factories, each paired with the framework's behaviour.

Faults of transactions, positions, settings, subscriptions and topics are tested beside the
framework's own behaviour; those of runners and repositories are in `test_library_runs`.
"""

from importlib.metadata import requires
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import OperationalError, ProgrammingError, Tracking
from eventsourcing.utils import Environment
from eventsourcing_sqlalchemy.datastore import SQLAlchemyDatastore
from eventsourcing_sqlalchemy.factory import SQLAlchemyFactory
from eventsourcing_sqlalchemy.recorders import (
    SQLAlchemyApplicationRecorder,
    SQLAlchemyProcessRecorder,
    SQLAlchemyTrackingRecorder,
)
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from sagaline.storage import TrackingRecorder
from tests.sagaline.storage.stores import (
    bare,
    opened,
    outside,
    placed,
    recorded,
    recorder_of,
    stored,
)

KILL = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


def _process_recorder(library: SQLAlchemyDatastore, schema: str) -> SQLAlchemyProcessRecorder:
    return SQLAlchemyProcessRecorder(
        library,
        events_table_name="faulty_events",
        tracking_table_name="faulty_tracking",
        schema_name=schema,
    )


def test_the_library_keeps_events_of_a_process_application_outside_its_schema(
    postgres_store: str,
) -> None:
    with outside(postgres_store) as connection:
        connection.exec_driver_sql("CREATE SCHEMA shop")
    with bare(postgres_store) as library:
        _process_recorder(library, "shop").create_table()
    with outside(postgres_store) as connection:
        assert inspect(connection).get_table_names("public") == ["faulty_events"]
        assert inspect(connection).get_table_names("shop") == ["faulty_tracking"]


def test_ours_keeps_events_of_a_process_application_in_its_schema(postgres_store: str) -> None:
    with opened(postgres_store, "shop") as datastore:
        recorder_of(datastore)
    with outside(postgres_store) as connection:
        assert inspect(connection).get_table_names("public") == []
        assert "orders_events" in inspect(connection).get_table_names("shop")


def test_the_library_cannot_write_for_a_name_with_a_hyphen(postgres_store: str) -> None:
    with bare(postgres_store) as library:
        orders = SQLAlchemyApplicationRecorder(library, events_table_name="my-app_events")
        orders.create_table()
        with pytest.raises(ProgrammingError, match="syntax error"):
            orders.insert_events([stored()])


def test_ours_writes_for_a_name_with_a_hyphen(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        assert recorder_of(datastore, "my-app").insert_events([stored()]) == [1]


def test_the_library_refuses_long_names_of_leaders(postgres_store: str) -> None:
    tracking = Tracking("L" * 33, 1)
    with bare(postgres_store) as library:
        saga = SQLAlchemyTrackingRecorder(library, tracking_table_name="saga_tracking")
        saga.create_table()
        with pytest.raises(Exception, match="too long"):
            saga.insert_tracking(tracking)
    with opened(postgres_store) as datastore:
        view = TrackingRecorder(datastore)
        view.create_table()
        view.insert_tracking(tracking)
        assert view.max_tracking_id("L" * 33) == 1


def test_the_library_fails_the_save_after_its_connection_was_killed(postgres_store: str) -> None:
    with bare(postgres_store) as library, outside(postgres_store) as server:
        orders = SQLAlchemyApplicationRecorder(library, events_table_name="some_events")
        orders.create_table()
        orders.insert_events([stored()])
        server.exec_driver_sql(KILL)
        with pytest.raises((OperationalError, DBAPIError)):
            orders.insert_events([stored()])


def test_ours_saves_with_a_new_connection(postgres_store: str) -> None:
    with opened(postgres_store) as datastore, outside(postgres_store) as server:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        server.exec_driver_sql(KILL)
        assert recorded(orders, placed()) == [2]


class OwnProcessRecorder(SQLAlchemyProcessRecorder):
    pass


@pytest.mark.filterwarnings("ignore:This declarative base already contains a class")
def test_the_library_ignores_the_process_recorder_setting(sqlite_store: str) -> None:
    topic = f"{__name__}:OwnProcessRecorder"
    env = {"SQLALCHEMY_URL": sqlite_store, "PROCESS_RECORDER_TOPIC": topic}
    factory = SQLAlchemyFactory(Environment("Faulty", env))
    try:
        assert type(factory.process_recorder()) is SQLAlchemyProcessRecorder
    finally:
        factory.datastore.engine.dispose()  # type: ignore[union-attr]


def test_the_library_has_one_log_for_two_names(sqlite_store: str) -> None:
    engines: list[Any] = []
    for name in ("Orders", "orders"):
        factory = SQLAlchemyFactory(Environment(name, {"SQLALCHEMY_URL": sqlite_store}))
        recorder = factory.application_recorder()
        recorder.insert_events([stored(UUID(int=len(engines)))])
        engines.append(factory.datastore.engine)
    assert recorder.max_notification_id() == 2
    for engine in engines:
        engine.dispose()


def test_the_library_excludes_the_next_sqlalchemy() -> None:
    wanted = requires("eventsourcing-sqlalchemy") or ()
    assert any(each.lower().startswith("sqlalchemy") and "<2.1" in each for each in wanted)
