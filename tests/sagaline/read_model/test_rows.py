"""Rows of a table as a mapping: what handlers may do with them, and what is written."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import DataError, OperationalError
from pydantic import TypeAdapter
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from sagaline.errors import (
    RowColumnsFixed,
    RowMissing,
    RowsLost,
    RowsNotListed,
    RowUnfit,
    UnknownColumn,
)
from sagaline.read_model.rows import Rows
from sagaline.storage import Datastore
from sagaline.storage.sql.amounts import Amount
from sagaline.storage.sql.columns import Moment, Uuid
from sagaline.storage.sql.postgres_bulk import MIN_COPIED_ROWS as MANY

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("balance", Amount, nullable=False, default=Decimal("0.00")),
    Column("movements", Integer, nullable=False, default=0),
    Column("seen_at", Moment),
    Index("accounts_owner", "owner"),
)

shelves = Table(
    "shelves",
    metadata,
    Column("hall", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("order", Text),
    Column("100% full", Text),
)

ANN, BOB, CAT = (UUID(int=n) for n in (1, 2, 3))


class Failure(Exception):
    """Something that rolls a transaction back."""


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AFTER_THE_END = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))


@pytest.fixture
def store(store_url: str) -> Iterator[Datastore]:
    datastore = Datastore.open(store_url)
    with datastore.write() as connection:
        metadata.create_all(connection)
    yield datastore
    datastore.close()


@pytest.fixture
def statements(store: Datastore) -> list[str]:
    """Records the statements on rows that reach the driver."""
    return noted(store)


def noted(store: Datastore) -> list[str]:
    seen: list[str] = []
    look = "SELECT 1 "  # of the test whether the table is empty

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) and look not in statement:
            seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    return seen


def rows_of(store: Datastore, table: Table = accounts, **options: Any) -> Rows:
    return Rows(table, store.read, store.engine.dialect, **options)


def save(store: Datastore, rows: Rows) -> None:
    with store.write() as connection:
        rows.write(connection)
    rows.after_commit()


def stored(store: Datastore, table: Table = accounts) -> list[dict[str, Any]]:
    with store.read() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def test_an_assigned_row_is_written_with_the_defaults_of_its_columns(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann", "seen_at": NOON}
    save(store, rows)
    assert stored(store) == [
        {"id": ANN, "owner": "Ann", "balance": Decimal("0.00"), "movements": 0, "seen_at": NOON}
    ]


def test_a_set_value_is_written_and_the_rest_of_the_row_stays(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann", "balance": Decimal("5.00")}
    rows[BOB] = {"owner": "Bob"}
    save(store, rows)
    rows[ANN]["balance"] += Decimal("0.10")
    rows[ANN]["movements"] += 1
    rows[BOB].update(owner="Rob")
    save(store, rows)
    ann, bob = stored(store)
    assert (ann["owner"], ann["balance"], ann["movements"]) == ("Ann", Decimal("5.10"), 1)
    assert (bob["owner"], bob["balance"]) == ("Rob", Decimal("0.00"))


def test_an_assignment_replaces_the_whole_row(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann", "movements": 7, "seen_at": NOON}
    save(store, rows)
    rows[ANN] = {"owner": "Anna"}
    save(store, rows)
    assert stored(store)[0] | {"balance": 0} == {
        "id": ANN,
        "owner": "Anna",
        "balance": 0,
        "movements": 0,
        "seen_at": None,
    }


def test_each_changed_row_is_written_once_however_often_it_changed(
    store: Datastore, statements: list[str]
) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    statements.clear()
    for _ in range(100):
        rows[ANN]["movements"] += 1
    save(store, rows)
    assert [each.split()[0] for each in statements] == ["UPDATE"]
    assert "owner" not in statements[0].replace('"', "")
    assert stored(store)[0]["movements"] == 100


def test_a_row_that_is_only_read_is_not_written(store: Datastore, statements: list[str]) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    statements.clear()
    assert rows[ANN]["owner"] == "Ann"
    save(store, rows)
    assert statements == []


def test_a_batch_of_rows_is_read_with_one_statement(
    store: Datastore, statements: list[str]
) -> None:
    rows = rows_of(store)
    keys = [uuid4() for _ in range(500)]
    for key in keys:
        rows[key] = {"owner": "somebody"}
    save(store, rows)
    rows.roll_back()
    statements.clear()
    unknown = uuid4()
    with store.read() as connection:
        rows.prefetch(connection, [*keys, unknown, *keys])
    assert [rows[key]["owner"] for key in keys] == ["somebody"] * 500
    assert rows.get(unknown) is None
    assert len(statements) == 1


def test_more_rows_than_one_statement_takes_are_read_too(store: Datastore) -> None:
    rows = rows_of(store, shelves)
    keys = [(hall, number) for hall in "ABC" for number in range(1_000)]
    for hall, number in keys:
        rows[hall, number] = {"order": f"{hall}{number}"}
    save(store, rows)
    rows.roll_back()
    with store.read() as connection:
        rows.prefetch(connection, keys)
    assert all(rows[hall, number]["order"] == f"{hall}{number}" for hall, number in keys)


def test_a_row_that_was_not_prefetched_is_read_alone_and_once(
    store: Datastore, statements: list[str]
) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    rows.roll_back()
    statements.clear()
    assert rows[ANN]["owner"] == "Ann"
    assert ANN in rows
    assert BOB not in rows
    assert BOB not in rows
    assert len(statements) == 2


def test_no_row_is_read_of_a_table_that_was_empty_at_first(
    store: Datastore, statements: list[str]
) -> None:
    rows = rows_of(store, max_kept=2)
    for key in (ANN, BOB):
        assert rows.get(key) is None
        rows[key] = {"owner": "somebody"}
        save(store, rows)
    assert rows[ANN]["owner"] == "somebody"
    assert {each.split()[0] for each in statements} == {"INSERT"}
    rows[CAT] = {"owner": "Cat"}
    save(store, rows)
    assert rows[BOB]["owner"] == "somebody"
    assert statements[-1].startswith("SELECT")


def test_after_a_rollback_rows_are_read_again(store: Datastore) -> None:
    rows = rows_of(store)
    assert rows.get(ANN) is None
    another = rows_of(store)
    another[ANN] = {"owner": "Ann"}
    save(store, another)
    rows.roll_back()
    assert rows[ANN]["owner"] == "Ann"


def test_a_missing_row_is_remembered_for_one_batch_only(store: Datastore) -> None:
    rows = rows_of(store)
    rows[CAT] = {"owner": "Cat"}
    save(store, rows)
    assert rows.get(ANN) is None
    save(store, rows)
    another = rows_of(store)
    another[ANN] = {"owner": "Ann"}
    save(store, another)
    assert rows[ANN]["owner"] == "Ann"


def test_a_missing_row_is_an_error_that_names_table_and_key(store: Datastore) -> None:
    rows = rows_of(store)
    with pytest.raises(RowMissing, match=f"^The table accounts has no row {ANN}.$"):
        rows[ANN]["owner"] = "Ann"
    with pytest.raises(KeyError):
        del rows[ANN]


def test_setdefault_adds_a_row_where_there_is_none(store: Datastore) -> None:
    rows = rows_of(store)
    rows.setdefault(ANN, {"owner": "Ann"})["movements"] += 1
    save(store, rows)
    rows.setdefault(ANN, {"owner": "nobody"})["movements"] += 1
    save(store, rows)
    assert [(row["owner"], row["movements"]) for row in stored(store)] == [("Ann", 2)]


def test_a_deleted_row_can_be_added_again(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    rows[BOB] = {"owner": "Bob", "movements": 9}
    save(store, rows)
    del rows[ANN]
    assert ANN not in rows
    del rows[BOB]
    rows[BOB] = {"owner": "Bob again"}
    save(store, rows)
    assert [(row["owner"], row["movements"]) for row in stored(store)] == [("Bob again", 0)]
    assert rows.pop(BOB)["owner"] == "Bob again"
    save(store, rows)
    assert stored(store) == []


def test_a_row_that_is_added_and_deleted_in_one_batch_is_not_written(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    del rows[ANN]
    save(store, rows)
    assert stored(store) == []


def test_a_kept_row_that_is_replaced_and_deleted_in_one_batch_is_deleted(
    store: Datastore,
) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    rows[ANN] = {"owner": "Anna"}
    del rows[ANN]
    save(store, rows)
    assert ANN not in rows
    assert stored(store) == []


def test_the_key_may_have_several_columns_with_any_name(store: Datastore) -> None:
    rows = rows_of(store, shelves)
    rows["A", 1] = {"order": "first", "100% full": "yes"}
    rows["A", 2] = {}
    save(store, rows)
    rows.roll_back()
    rows["A", 1]["100% full"] = "no"
    rows["A", 2]["order"] = "second"
    rows["B", 1] = {}
    save(store, rows)
    del rows["B", 1]
    save(store, rows)
    assert stored(store, shelves) == [
        {"hall": "A", "number": 1, "order": "first", "100% full": "no"},
        {"hall": "A", "number": 2, "order": "second", "100% full": None},
    ]


def test_a_table_of_keys_alone_is_written_too(store: Datastore) -> None:
    tags = Table("tags", MetaData(), Column("tag", Text, primary_key=True))
    with store.write() as connection:
        tags.create(connection)
    rows = rows_of(store, tags)
    rows["red"] = {}
    save(store, rows)
    rows["red"] = {}
    save(store, rows)
    assert stored(store, tags) == [{"tag": "red"}]


def test_changes_that_were_rolled_back_are_not_written_later(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann", "movements": 1}
    save(store, rows)
    rows[ANN]["movements"] += 1
    rows[BOB] = {"owner": "Bob"}
    with suppress(Failure), store.write() as connection:
        rows.write(connection)
        raise Failure
    rows.roll_back()
    rows[ANN]["movements"] += 1
    save(store, rows)
    assert [(row["owner"], row["movements"]) for row in stored(store)] == [("Ann", 2)]


def test_the_rows_used_last_stay_in_memory_up_to_a_limit(
    store: Datastore, statements: list[str]
) -> None:
    rows = rows_of(store, max_kept=2)
    for key in (ANN, BOB, CAT):
        rows[key] = {"owner": str(key)}
        save(store, rows)
    assert rows[BOB]["owner"] == str(BOB)
    save(store, rows)
    rows[ANN]["movements"] += 1
    save(store, rows)
    statements.clear()
    assert rows[BOB]["owner"] == str(BOB)
    assert rows[ANN]["movements"] == 1
    assert statements == []
    assert rows[CAT]["owner"] == str(CAT)
    assert len(statements) == 1


def test_rows_that_are_never_read_again_are_not_kept(
    store: Datastore, statements: list[str]
) -> None:
    rows = rows_of(store, max_kept=0)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    statements.clear()
    assert rows[ANN]["owner"] == "Ann"
    assert len(statements) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.__setitem__(ANN, {"owner": "Ann", "ownr": "Ann"}),
        lambda rows: rows[BOB].__setitem__("ownr", "Bob"),
        lambda rows: rows[BOB].update(ownr="Bob"),
        lambda rows: rows[BOB].__ior__({"ownr": "Bob"}),
    ],
    ids=["assigned", "set", "updated", "merged"],
)
def test_an_unknown_column_is_refused_with_the_names_of_all_columns(
    store: Datastore, change: Callable[[Rows], None]
) -> None:
    rows = rows_of(store)
    rows[BOB] = {"owner": "Bob"}
    said = (
        "^The table accounts has no column 'ownr' to set. "
        "It has owner, balance, movements, seen_at.$"
    )
    with pytest.raises(UnknownColumn, match=said):
        change(rows)


def test_the_key_of_a_row_cannot_be_changed(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann", "id": ANN}
    with pytest.raises(UnknownColumn):
        rows[ANN]["id"] = BOB
    with pytest.raises(RowUnfit, match="id: not the key"):
        rows[BOB] = {"owner": "Bob", "id": ANN}


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.__delitem__("owner"),
        lambda row: row.pop("owner"),
        lambda row: row.popitem(),
        lambda row: row.clear(),
        lambda row: row.setdefault("owner", "Ann"),
    ],
    ids=["del", "pop", "popitem", "clear", "setdefault"],
)
def test_a_row_keeps_all_its_columns(store: Datastore, change: Callable[[Any], None]) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    with pytest.raises(RowColumnsFixed, match="accounts"):
        change(rows[ANN])


@pytest.mark.parametrize(
    "ask",
    [list, len, lambda rows: list(rows.items()), lambda rows: rows.clear()],
    ids=["list", "len", "items", "clear"],
)
def test_rows_are_not_listed_or_counted(store: Datastore, ask: Callable[[Rows], Any]) -> None:
    with pytest.raises(RowsNotListed, match="The rows of accounts are read by key"):
        ask(rows_of(store))
    assert rows_of(store)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "owner: it needs a value"),
        ({"owner": 7}, "owner: 7 is not of the type str"),
        ({"owner": "Ann", "balance": 0.1}, "balance: 0.1 is not an amount"),
        ({"owner": "Ann", "balance": Decimal("NaN")}, "it must be a finite Decimal"),
        ({"owner": "Ann", "movements": "7"}, "movements: '7' is not of the type int"),
        ({"owner": "Ann", "seen_at": NOON.replace(tzinfo=None)}, "it has no time zone"),
        ({"owner": "Ann", "seen_at": AFTER_THE_END}, "in UTC it is before the year 1 or after"),
    ],
)
def test_a_value_of_another_type_is_refused_before_it_reaches_the_database(
    store: Datastore, statements: list[str], values: dict[str, Any], reason: str
) -> None:
    rows = rows_of(store)
    rows[BOB] = {"owner": "Bob"}
    said = f"^The row {ANN} of accounts cannot be written: .*{reason}"
    with pytest.raises(RowUnfit, match=said):  # noqa: PT012  # None may be filled in later
        rows[ANN] = values
        save(store, rows)
    assert statements == []


@pytest.mark.parametrize(
    "key", [str(ANN), 1, None, (ANN, BOB)], ids=["text", "integer", "none", "pair"]
)
def test_a_key_of_another_type_is_refused(store: Datastore, key: Any) -> None:
    rows = rows_of(store)
    with pytest.raises(RowUnfit, match=r"the key: it is \(id: UUID\)"):
        rows[key] = {"owner": "Ann"}
    with pytest.raises(RowUnfit):
        rows.get(key)


def test_a_text_that_is_too_long_for_its_column_is_not_cut(postgres_store: str) -> None:
    codes = Table("codes", MetaData(), Column("code", String(3), primary_key=True))
    store = Datastore.open(postgres_store)
    with store.write() as connection:
        codes.create(connection)
    rows = rows_of(store, codes)
    rows["USDX"] = {}
    with pytest.raises(Exception, match="too long"):
        save(store, rows)
    store.close()


@pytest.fixture
def postgres(postgres_store: str) -> Iterator[Datastore]:
    datastore = Datastore.open(postgres_store)
    with datastore.write() as connection:
        metadata.create_all(connection)
    yield datastore
    datastore.close()


KINDS = {
    Integer: 2**31 - 1,
    SmallInteger: -(2**15),
    BigInteger: 2**63 - 1,
    Numeric(10, 2): Decimal("12345678.90"),
    Float: 0.1,
    Boolean: True,
    Text: "{a,\t\\N}\n",
    String(3): "äöü",
    LargeBinary: b"\x00\xff",
    JSON: {"tags": ["a", None]},
    JSONB: [1, {"of": "two"}],
    Date: date(2026, 1, 1),
    DateTime: NOON.replace(tzinfo=None, microsecond=999_999),
    Interval: timedelta(days=-1, microseconds=1),
    Uuid: UUID(int=2**128 - 1),
    Amount: Decimal("0.10"),
    Moment: NOON,
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_many_new_rows_are_read_as_they_were_written(postgres: Datastore, kind: Any) -> None:
    kinds = Table(
        "kinds", MetaData(), Column("number", Integer, primary_key=True), Column("100%", kind)
    )
    with postgres.write() as connection:
        kinds.create(connection)
    rows = rows_of(postgres, kinds)
    for number in range(3 * MANY):
        rows[number] = {"100%": None if number % 2 else KINDS[kind]}
    statements = noted(postgres)
    save(postgres, rows)
    assert bool(statements) == (kind is Interval)
    assert [row["100%"] for row in stored(postgres, kinds)] == [KINDS[kind], None] * (MANY * 3 // 2)


def test_many_new_rows_are_copied_until_one_exists_already(
    store: Datastore, statements: list[str]
) -> None:
    def add(owner: str, numbers: range) -> list[str]:
        statements.clear()
        for number in numbers:
            rows[UUID(int=number)] = {"owner": owner}
        save(store, rows)
        return [each.split()[0] for each in statements]

    rows = rows_of(store, max_kept=0)
    inserted = ["INSERT"]
    assert add("first", range(MANY)) == (inserted if store.dialect == "sqlite" else [])
    assert add("second", range(MANY - 1, 2 * MANY)) == inserted
    assert add("third", range(2 * MANY, 3 * MANY)) == inserted
    owners = [row["owner"] for row in stored(store)]
    assert owners == ["first"] * (MANY - 1) + ["second"] * (MANY + 1) + ["third"] * MANY


@pytest.mark.parametrize(
    ("movements", "owner", "reason"),
    [(2**31, "Ann", "out of range"), (2**64, "Ann", "out of range"), (0, "A\0", "0x00")],
)
def test_a_value_that_the_server_refuses_is_refused_among_many_too(
    postgres: Datastore, movements: int, owner: str, reason: str
) -> None:
    rows = rows_of(postgres)
    for number in range(MANY):
        rows[UUID(int=number)] = {"owner": "somebody"}
    rows[UUID(int=MANY)] = {"owner": owner, "movements": movements}
    with pytest.raises(DataError, match=reason):
        save(postgres, rows)
    assert stored(postgres) == []


def test_a_connection_that_breaks_while_many_rows_are_written_is_a_fault_of_the_store(
    postgres: Datastore,
) -> None:
    rows = rows_of(postgres)
    for number in range(MANY):
        rows[UUID(int=number)] = {"owner": "somebody"}

    def write_and_be_cut_off() -> None:
        with postgres.write() as connection:
            process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with postgres.engine.connect() as another:
                another.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (process,))
            rows.write(connection)

    with pytest.raises(OperationalError):
        write_and_be_cut_off()
    save(postgres, rows)
    assert len(stored(postgres)) == MANY


def test_numbers_of_an_enumeration_are_written_as_numbers(postgres: Datastore) -> None:
    class Size(IntEnum):
        LARGE = 70_000
        SMALL = 2

    rows = rows_of(postgres)
    rows[ANN] = {"owner": "Ann", "movements": Size.LARGE}
    rows[BOB] = {"owner": "Bob", "movements": Size.SMALL}
    save(postgres, rows)
    assert [row["movements"] for row in stored(postgres)] == [70_000, 2]


def test_a_change_to_a_row_that_another_writer_deleted_raises(store: Datastore) -> None:
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    with store.write() as connection:
        connection.execute(accounts.delete())
    rows[ANN]["movements"] += 1
    with pytest.raises(RowsLost, match="1 rows of accounts"):
        save(store, rows)


def test_documents_are_written_and_read(store: Datastore) -> None:
    notes = Table(
        "notes", MetaData(), Column("id", Integer, primary_key=True), Column("note", JSON)
    )
    with store.write() as connection:
        notes.create(connection)
    rows = rows_of(store, notes)
    rows[1] = {"note": {"tags": ["a", "b"], "of": None}}
    save(store, rows)
    rows.roll_back()
    assert rows[1]["note"] == {"tags": ["a", "b"], "of": None}
    rows[1]["note"] = ["new"]
    save(store, rows)
    assert stored(store, notes) == [{"id": 1, "note": ["new"]}]


def test_values_are_kept_exactly(store: Datastore) -> None:
    rows = rows_of(store)
    exact = {ANN: "0.10", BOB: "123456789012345.6789", CAT: "1E+3"}
    late = datetime(2026, 6, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    for key, balance in exact.items():
        rows[key] = {"owner": "x", "balance": Decimal(balance), "seen_at": late}
    save(store, rows)
    found = stored(store)
    assert [str(row["balance"]) for row in found] == ["0.10", "123456789012345.6789", "1000"]
    assert {row["seen_at"] for row in found} == {late}
    rows.roll_back()
    assert rows[BOB]["balance"] == Decimal("123456789012345.6789")
    assert rows[BOB]["seen_at"].utcoffset() == late.utcoffset()


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-01-01T12:00:00.000000+00:00"),
        (NOON.replace(microsecond=10), "2026-01-01T12:00:00.000010+00:00"),
        (
            NOON.replace(microsecond=10).astimezone(timezone(timedelta(hours=2))),
            "2026-01-01T12:00:00.000010+00:00",
        ),
        (
            TypeAdapter(datetime).validate_json('"2026-01-01T12:00:00.000010Z"'),
            "2026-01-01T12:00:00.000010+00:00",
        ),
    ],
    ids=["whole second", "microseconds", "another zone", "read from an event"],
)
def test_moments_are_text_of_one_width_that_sorts_as_time_passes(
    sqlite_store: str, moment: datetime, text: str
) -> None:
    store = Datastore.open(sqlite_store)
    with store.write() as connection:
        metadata.create_all(connection)
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann", "seen_at": moment}
    save(store, rows)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT seen_at FROM accounts").scalar() == text
    store.close()


def test_rows_are_written_where_the_store_keeps_its_tables(postgres_store: str) -> None:
    store = Datastore.open(postgres_store, schema="views")
    with store.write() as connection:
        connection.exec_driver_sql("CREATE SCHEMA views")
        metadata.create_all(connection)
    rows = rows_of(store)
    rows[ANN] = {"owner": "Ann"}
    save(store, rows)
    rows[ANN]["movements"] += 1
    save(store, rows)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT movements FROM views.accounts").scalar() == 1
    store.close()


def test_rows_written_by_sql_are_read(store: Datastore) -> None:
    with store.write() as connection:
        connection.execute(insert(accounts).values(id=ANN, owner="Ann", balance=Decimal(1)))
        connection.execute(update(accounts).where(accounts.c.id == str(ANN)).values(movements=3))
    assert rows_of(store)[ANN]["movements"] == 3
