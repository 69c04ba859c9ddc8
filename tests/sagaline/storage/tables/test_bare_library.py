"""A database that the library has written without SQLAlchemy is recognised before any change."""

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from sqlalchemy import inspect, make_url

import sagaline
from sagaline.errors import StoreUnusable
from tests.sagaline.storage.stores import outside


class Parcel(Aggregate):
    pass


class Depot(Application[UUID]):
    is_snapshotting_enabled = True


class Parcels(sagaline.Application, aggregates=[Parcel]):
    name = "Depot"


def _environment(store: str) -> dict[str, str]:
    url = make_url(store)
    if url.get_backend_name() == "sqlite":
        return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(url.database)}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(url.database),
        "POSTGRES_HOST": str(url.query["host"]),
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": str(url.username),
        "POSTGRES_PASSWORD": "",
    }


@pytest.fixture
def written(store_url: str) -> str:
    """A store of the bare library, with one parcel and its snapshot."""
    with closing(Depot(env=_environment(store_url))) as depot:
        parcel = Parcel()
        depot.save(parcel)
        depot.take_snapshot(parcel.id)
    return store_url


def _tables(store: str) -> dict[str, list[str]]:
    with outside(store) as connection:
        found = inspect(connection)
        return {
            name: [each["name"] for each in found.get_columns(name)]
            for name in found.get_table_names()
        }


@pytest.mark.parametrize("application", [Depot, Parcels])
def test_an_application_refuses_it_and_changes_nothing(
    written: str, application: type[Application[UUID]]
) -> None:
    before = _tables(written)
    module = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": written}
    library = _environment(written)["PERSISTENCE_MODULE"]
    with pytest.raises(StoreUnusable, match=f"_events' is one of {library}: copy its events"):
        application(env=module)
    assert _tables(written) == before


def test_a_system_refuses_it_and_changes_nothing(written: str) -> None:
    before = _tables(written)
    system = sagaline.System("depots", applications=[Parcels])
    with pytest.raises(StoreUnusable, match="is one of eventsourcing"):
        sagaline.Runner(system, {"SQLALCHEMY_URL": written})
    assert _tables(written) == before


def test_a_sqlite_file_is_left_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "depot.db"
    store = f"sqlite:///{file}"
    with closing(Depot(env=_environment(store))) as depot:
        depot.save(Parcel())
    before = file.read_bytes()
    with pytest.raises(StoreUnusable, match=r"eventsourcing\.sqlite"):
        Depot(env={"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store})
    assert file.read_bytes() == before


def test_its_events_can_be_copied_into_a_new_store(written: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    module = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store}
    with closing(Depot(env=_environment(written))) as old, closing(Depot(env=module)) as new:
        for each in old.recorder.select_notifications(start=None, limit=1_000):
            new.recorder.insert_events([each])
        parcel = old.recorder.select_notifications(start=None, limit=1)[0].originator_id
        assert new.repository.get(UUID(str(parcel))).version == 1
