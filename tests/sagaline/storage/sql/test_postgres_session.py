"""What a server's owner may set for a database or a role, and what a store makes of it."""

from datetime import UTC, datetime

import pytest
from eventsourcing.persistence import OperationalError
from sqlalchemy import Column, Integer, MetaData, Table, insert, inspect, make_url, select, text

from sagaline.errors import StoreUnusable
from sagaline.storage import Datastore
from sagaline.storage.sql.columns import Moment
from tests.sagaline.storage.stores import opened, outside, placed, recorded, recorder_of

OWNERS = {
    "timezone": "Pacific/Apia",
    "datestyle": "German, DMY",
    "intervalstyle": "iso_8601",
    "client_encoding": "LATIN1",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "3s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "1s",
    "idle_session_timeout": "1s",
    "synchronous_commit": "off",
    "row_security": "on",
}
OURS = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "client_encoding": "UTF8",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "lock_timeout": "5s",
    "synchronous_commit": "on",
    "row_security": "off",
}

WEIRD = "Zoë \N{WHITE SMILING FACE} \N{GRINNING FACE} \\ ' %"


def _owner_sets(store: str, **settings: str) -> None:
    with outside(store) as owner:
        for name, value in settings.items():
            owner.exec_driver_sql(
                f"ALTER DATABASE {make_url(store).database} SET {name} TO {value}"
            )


def _shown(store: str, *names: str) -> dict[str, str]:
    with opened(store) as datastore, datastore.read() as connection:
        return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}


def test_what_the_owner_of_a_database_sets_changes_no_session(postgres_store: str) -> None:
    _owner_sets(postgres_store, **{name: f"'{value}'" for name, value in OWNERS.items()})
    assert _shown(postgres_store, *OURS) == OURS


@pytest.mark.parametrize("name", ["client_encoding", "datestyle"])
def test_values_are_the_same_whatever_the_owner_sets(postgres_store: str, name: str) -> None:
    _owner_sets(postgres_store, **{name: "SQL_ASCII" if name == "client_encoding" else "'SQL'"})
    table = Table("moments", MetaData(), Column("id", Integer), Column("at", Moment))
    ends = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    with opened(postgres_store) as datastore:
        recorded(recorder_of(datastore), placed(key=WEIRD))
        with datastore.write() as connection:
            table.create(connection)
            connection.execute(insert(table), [{"id": i, "at": at} for i, at in enumerate(ends)])
        with datastore.read() as connection:
            found = connection.execute(select(table.c.at).order_by(table.c.id)).scalars().all()
            assert found == ends
        assert recorder_of(datastore).page(0, 1).rows[0].key == WEIRD


def test_the_url_may_set_limits_but_nothing_that_values_depend_on(postgres_store: str) -> None:
    asked = "-c statement_timeout=7s -c synchronous_commit=off -c timezone=Asia/Tokyo"
    store = make_url(postgres_store).update_query_dict({"options": asked})
    names = "statement_timeout", "synchronous_commit", "timezone"
    found = _shown(store.render_as_string(hide_password=False), *names)
    assert found == dict(zip(names, ("7s", "off", "UTC"), strict=True))


@pytest.mark.parametrize("value", ["local", "remote_apply"])
def test_other_ways_to_wait_for_the_disk_are_the_owners(postgres_store: str, value: str) -> None:
    _owner_sets(postgres_store, synchronous_commit=value)
    assert _shown(postgres_store, "synchronous_commit") == {"synchronous_commit": value}


def test_a_store_of_read_only_transactions_is_refused_at_the_start(postgres_store: str) -> None:
    _owner_sets(postgres_store, default_transaction_read_only="on")
    with (
        opened(postgres_store) as datastore,
        pytest.raises(StoreUnusable, match=r"its transactions are read-only .* name the primary"),
    ):
        recorder_of(datastore)


def test_a_store_that_became_read_only_is_refused_at_the_next_start(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        recorder_of(datastore)
    _owner_sets(postgres_store, default_transaction_read_only="on")
    with opened(postgres_store) as datastore, pytest.raises(StoreUnusable, match="read-only"):
        recorder_of(datastore)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres_store: str, encoding: str
) -> None:
    name = f"{make_url(postgres_store).database}_{encoding.lower()}"
    with outside(postgres_store) as server:
        server.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        )
    store = make_url(postgres_store).set(database=name).render_as_string(hide_password=False)
    with opened(store) as datastore, pytest.raises(StoreUnusable, match=f"encoding is {encoding}"):
        recorder_of(datastore)


def test_events_hidden_by_a_policy_are_an_error_and_not_a_gap(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        recorded(recorder_of(datastore), placed())
        role = f"reader_of_{datastore.engine.url.database}"
    with outside(postgres_store) as owner:
        owner.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        try:
            owner.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
            owner.exec_driver_sql("ALTER TABLE orders_events ENABLE ROW LEVEL SECURITY")
            store = make_url(postgres_store).set(username=role).render_as_string(False)
            with opened(store) as datastore, pytest.raises(OperationalError, match="security"):
                _read(datastore)
        finally:
            owner.exec_driver_sql(f"DROP OWNED BY {role}")
            owner.exec_driver_sql(f"DROP ROLE {role}")


def _read(datastore: Datastore) -> None:
    with datastore.read() as connection:
        connection.execute(text("SELECT * FROM orders_events"))


def test_a_store_is_found_wherever_the_owners_search_path_leads(postgres_store: str) -> None:
    with outside(postgres_store) as owner:
        owner.exec_driver_sql("CREATE SCHEMA other")
    _owner_sets(postgres_store, search_path="other, public")
    for _ in range(2):
        with opened(postgres_store) as datastore:
            recorded(recorder_of(datastore), placed())
            assert recorder_of(datastore).head() > 0
    with outside(postgres_store) as owner:
        assert "orders_events" in inspect(owner).get_table_names("other")
