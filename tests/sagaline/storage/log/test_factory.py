"""The persistence module for any eventsourcing application, configured as upstream does."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from eventsourcing.application import Application, EventSourcedLog, ProcessingEvent
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, ProgrammingError, StoredEvent, Tracking
from eventsourcing.system import ProcessApplication, SingleThreadedRunner, System
from eventsourcing.utils import Environment
from eventsourcing_sqlalchemy.recorders import SQLAlchemyTrackingRecorder
from sqlalchemy import create_engine, inspect
from sqlalchemy.orm import scoped_session, sessionmaker
from typing_extensions import override

from sagaline.errors import StoreUnusable, UnknownTopic
from sagaline.storage import Factory, ProcessRecorder, TrackingRecorder
from tests.sagaline.storage.stores import counted, opened, outside, recorder_of


class Parcel(Aggregate):
    def __init__(self, address: str) -> None:
        self.address = address
        self.stops: list[str] = []

    @event("Moved")
    def move(self, stop: str) -> None:
        self.stops.append(stop)


class Logged(Aggregate.Event):
    pass


class Parcels(Application[UUID]):
    snapshotting_intervals = {Parcel: 2}  # noqa: RUF012


class Arrivals(ProcessApplication[UUID]):
    @singledispatchmethod
    @override
    def policy(self, domain_event: object, processing_event: ProcessingEvent[UUID]) -> None:
        """Counts every move as an aggregate of its own."""

    @policy.register
    def _(self, domain_event: Parcel.Moved, processing_event: ProcessingEvent[UUID]) -> None:  # type: ignore[name-defined]
        processing_event.collect_events(Parcel(address=domain_event.stop))


def _env(url: str, **more: str) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": url, **more}


def test_an_upstream_application_runs_unchanged(store_url: str) -> None:
    with Parcels(env=_env(store_url)) as parcels:
        parcel = Parcel("Bonn")
        parcel.move("Köln")
        parcels.save(parcel)
        parcel.move("Bonn")
        parcels.save(parcel)
        found: Parcel = parcels.repository.get(parcel.id)
        assert (found.address, found.stops) == ("Bonn", ["Köln", "Bonn"])
    with Parcels(env=_env(store_url)) as again:
        assert again.repository.get(parcel.id).stops == ["Köln", "Bonn"]
        assert len(again.notification_log.select(1, 10)) == 3
    assert counted(store_url, "parcels_snapshots") == 1


def test_an_upstream_system_runs_unchanged(store_url: str) -> None:
    system = System(pipes=[[Parcels, Arrivals]])
    with SingleThreadedRunner[UUID](system, env=_env(store_url)) as runner:
        parcel = Parcel("Bonn")
        parcel.move("Köln")
        runner.get(Parcels).save(parcel)
        arrivals = runner.get(Arrivals)
        assert arrivals.recorder.max_tracking_id("Parcels") == 2
        assert arrivals.recorder.max_notification_id() == 1


def test_each_application_may_have_a_store_of_its_own(tmp_path: Path) -> None:
    shop, parcels = f"sqlite:///{tmp_path / 'shop.db'}", f"sqlite:///{tmp_path / 'parcels.db'}"
    with Parcels(env=_env(shop, PARCELS_SQLALCHEMY_URL=parcels)) as application:
        application.save(Parcel("Bonn"))
    assert counted(parcels, "parcels_events") == 1
    assert not (tmp_path / "shop.db").exists()


def test_all_tables_of_an_application_are_in_the_schema(postgres_store: str) -> None:
    env = _env(postgres_store, SQLALCHEMY_SCHEMA="my-schema")
    system = System(pipes=[[Parcels, Arrivals]])
    with SingleThreadedRunner[UUID](system, env=env) as runner:
        parcel = Parcel("Bonn")
        parcel.move("Köln")
        runner.get(Parcels).save(parcel)
        assert runner.get(Arrivals).recorder.max_notification_id() == 1
    with outside(postgres_store) as connection:
        assert inspect(connection).get_table_names("public") == []
        position = 'SELECT position FROM "my-schema".positions'
        assert connection.exec_driver_sql(position).scalars().all() == [2]


def test_an_application_name_may_have_a_hyphen(store_url: str) -> None:
    with Application[UUID](env=_env(store_url)) as plain:
        assert plain.name == "Application"

    class Hyphenated(Application[UUID]):
        name = "my-app"

    with Hyphenated(env=_env(store_url)) as application:
        parcel = Parcel("Bonn")
        application.save(parcel)
        assert application.repository.get(parcel.id).address == "Bonn"
    assert counted(store_url, "my-app_events") == 1


def test_two_names_that_would_share_a_log_are_refused(store_url: str) -> None:
    class Small(Application[UUID]):
        name = "parcels"

    with (
        Parcels(env=_env(store_url)),
        Parcels(env=_env(store_url)),
        pytest.raises(ProgrammingError, match="share a log"),
    ):
        Small(env=_env(store_url))


def test_tables_are_not_created_if_the_setting_forbids_it(store_url: str) -> None:
    factory = Factory(Environment("Parcels", _env(store_url, CREATE_TABLE="no")))
    factory.application_recorder()
    factory.process_recorder()
    factory.close()
    with outside(store_url) as connection:
        assert inspect(connection).get_table_names() == []


class LoudRecorder(ProcessRecorder):
    pass


def test_the_process_recorder_can_be_chosen_by_topic(sqlite_store: str) -> None:
    topic = f"{__name__}:LoudRecorder"
    factory = Factory(Environment("Parcels", _env(sqlite_store, PROCESS_RECORDER_TOPIC=topic)))
    assert type(factory.process_recorder()) is LoudRecorder
    factory.close()


class ViewOfUpstream(SQLAlchemyTrackingRecorder):
    """A view written for upstream's storage."""


def test_a_view_written_for_upstream_has_guarded_positions(store_url: str) -> None:
    factory = Factory(Environment("View", _env(store_url)))
    view = factory.tracking_recorder(ViewOfUpstream)
    assert isinstance(view, ViewOfUpstream)
    assert isinstance(view, TrackingRecorder)
    view.insert_tracking(Tracking("Parcels", 5))
    assert view.max_tracking_id("Parcels") == 5
    factory.close()
    with outside(store_url) as connection:
        follower = connection.exec_driver_sql("SELECT follower FROM positions").scalar()
    assert follower == "View"


@pytest.mark.filterwarnings("ignore:This declarative base already contains a class")
def test_a_follower_continues_from_its_position_in_upstreams_storage(store_url: str) -> None:
    def positions(module: str) -> list[int | None]:
        env = _env(store_url) | {"PERSISTENCE_MODULE": module}
        system = System(pipes=[[Parcels, Arrivals]])
        with SingleThreadedRunner[UUID](system, env=env) as runner:
            arrivals = runner.get(Arrivals).recorder
            before = arrivals.max_tracking_id("Parcels")
            parcel = Parcel("Bonn")
            parcel.move("Köln")
            runner.get(Parcels).save(parcel)
            found = [before, arrivals.max_tracking_id("Parcels"), arrivals.max_notification_id()]
            engines = [cast("Any", each.recorder).datastore.engine for each in runner.apps.values()]
        for engine in engines:
            engine.dispose()  # the library keeps its connections
        return found

    assert positions("eventsourcing_sqlalchemy") == [None, 2, 1]
    assert positions("sagaline.storage") == [2, 4, 2]
    assert positions("sagaline.storage") == [4, 6, 3]


def test_closing_one_application_keeps_others_of_its_store_open(store_url: str) -> None:
    one, two = Parcels(env=_env(store_url)), Arrivals(env=_env(store_url))
    assert one.recorder.datastore is two.recorder.datastore  # type: ignore[attr-defined]
    one.close()
    one.close()
    two.save(Parcel("Bonn"))
    two.close()


def test_a_store_url_is_required() -> None:
    with pytest.raises(StoreUnusable, match="SQLALCHEMY_URL is not set"):
        Factory(Environment("Parcels", {}))


_sessions: list[scoped_session] = []


def the_session() -> scoped_session:
    return _sessions[-1]


def test_a_session_of_the_user_commits_and_rolls_back(store_url: str) -> None:
    with opened(store_url) as datastore:
        recorder_of(datastore, "Parcels")
    engine = create_engine(store_url)
    _sessions.append(scoped_session(sessionmaker(bind=engine)))
    session = _sessions[-1]
    try:
        env = _env(store_url, SQLALCHEMY_SCOPED_SESSION_TOPIC=f"{__name__}:the_session")
        with Parcels(env=env) as parcels:
            kept, dropped = Parcel("Bonn"), Parcel("Köln")
            parcels.save(kept)
            session.commit()
            parcels.save(dropped)
            session.rollback()
            assert kept.id in parcels.repository
            assert dropped.id not in parcels.repository
    finally:
        session.remove()
        engine.dispose()
        _sessions.clear()
    assert counted(store_url, "parcels_events") == 1


class PassedOn:
    """The adapter of eventsourcing-sqlalchemy's documentation."""

    @override
    def __getattribute__(self, name: str) -> Any:
        return getattr(_sessions[-1], name)


class PassedOnAsASession(scoped_session):
    """The adapter of its tests."""

    def __init__(self) -> None:
        pass

    @override
    def __getattribute__(self, name: str) -> Any:
        return getattr(_sessions[-1], name)


@pytest.fixture(params=["scoped", "of one request"])
def shared(request: pytest.FixtureRequest, store_url: str) -> Iterator[Any]:
    """A session that the program shares: one of a registry, or a plain one as of FastAPI."""
    engine = create_engine(store_url)
    maker = sessionmaker(bind=engine)
    session: Any = scoped_session(maker) if request.param == "scoped" else maker()
    _sessions.append(session)
    yield session
    session.close()
    engine.dispose()
    _sessions.clear()


@pytest.mark.parametrize("adapter", [PassedOn, PassedOnAsASession])
def test_the_adapter_of_a_session_works_in_a_new_store(
    adapter: type[Any], shared: Any, store_url: str
) -> None:
    scoped = {"SQLALCHEMY_SCOPED_SESSION_TOPIC": f"{__name__}:{adapter.__name__}"}
    with Parcels(env={"PERSISTENCE_MODULE": "sagaline.storage", **scoped}) as parcels:
        shared.rollback()  # the tables remain
        kept, dropped = Parcel("Bonn"), Parcel("Köln")
        kept.move("Köln")
        parcels.save(kept)
        shared.commit()
        parcels.save(dropped)
        shared.rollback()
        assert kept.id in parcels.repository
        assert dropped.id not in parcels.repository
        conflict: Parcel = parcels.repository.get(kept.id)
        kept.move("Bonn")
        parcels.save(kept)
        shared.commit()
        conflict.move("Ulm")
        with pytest.raises(IntegrityError):
            parcels.save(conflict)
        shared.rollback()
        assert [each.id for each in parcels.notification_log.select(1, 10)][:2] == [1, 2]
    assert counted(store_url, "parcels_events") == 3


def test_a_shared_session_with_another_driver_is_refused(sqlite_store: str) -> None:
    engine = create_engine(sqlite_store)
    engine.dialect.driver = "aiosqlite"
    _sessions.append(scoped_session(sessionmaker(bind=engine)))
    topic = f"{__name__}:the_session"
    env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_SCOPED_SESSION_TOPIC": topic}
    try:
        with pytest.raises(StoreUnusable, match="its driver is aiosqlite"):
            Parcels(env=env)
    finally:
        engine.dispose()
        _sessions.clear()


def test_the_typed_mapper_imports_no_module_that_a_row_names(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named_by_a_row.py").write_text("class Planted: ...")
    monkeypatch.syspath_prepend(str(tmp_path))
    planted = StoredEvent(UUID(int=1), 1, "named_by_a_row:Planted", b"{}")
    env = _env(store_url, MAPPER_TOPIC="sagaline.codec:TypedMapper")
    with Application[UUID](env=env) as parcels:
        parcel = Parcel("Bonn")
        parcel.move("Köln")
        parcels.save(parcel)
        assert parcels.repository.get(parcel.id).stops == ["Köln"]
        parcels.recorder.insert_events([planted])
        with pytest.raises(UnknownTopic):
            parcels.repository.get(UUID(int=1))
    assert "named_by_a_row" not in sys.modules


def test_an_event_sourced_log_works(store_url: str) -> None:
    with Parcels(env=_env(store_url)) as parcels:
        log = EventSourcedLog(parcels.events, UUID(int=5), Logged)
        parcels.save(log.trigger_event())
        parcels.save(log.trigger_event())
        assert [each.originator_version for each in log.get()] == [1, 2]


def test_the_schema_belongs_to_the_datastore(postgres_store: str) -> None:
    with opened(postgres_store) as datastore, pytest.raises(ProgrammingError, match="schema"):
        TrackingRecorder(datastore, schema_name="elsewhere")
