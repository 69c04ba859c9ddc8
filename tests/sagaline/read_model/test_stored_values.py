"""Values of rows: a handler reads the same before the commit, after it, and after a restart."""

import enum
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

from sagaline.errors import RowUnfit
from sagaline.read_model.rows import Rows
from sagaline.storage import Datastore
from sagaline.storage.sql.amounts import Amount
from sagaline.storage.sql.columns import Moment, Uuid

TOKYO = timezone(timedelta(hours=9))
NOON = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
WALL = NOON.replace(tzinfo=None)
ID = UUID(int=7)


class Colour(enum.StrEnum):
    RED = "red"


class OldColour(str, enum.Enum):  # noqa: UP042  # its text is not its value
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 70_000


class Shape(enum.Enum):
    ROUND = "a longer name"


class Tags(TypeDecorator[Any]):
    """A set, stored as text: what many projects define for themselves."""

    impl = sa.Text
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else ",".join(sorted(value))

    @override
    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else set(filter(None, value.split(",")))


class InUTC(TypeDecorator[Any]):
    """An instant in a column without a zone: another type that many projects have."""

    impl = sa.DateTime
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.replace(tzinfo=UTC)


class Cents(TypeDecorator[Any]):
    """Money as a whole number, which is never empty."""

    impl = sa.Integer
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return int(value or 0)


class Padded(TypeDecorator[Any]):
    """A type that is made of another one and adds nothing."""

    impl = sa.CHAR(5)
    cache_ok = True


SAME = {
    "whole number": (sa.Integer(), 7, 7),
    "truth as a number": (sa.Integer(), True, 1),
    "enumerated number": (sa.BigInteger(), Size.LARGE, 70_000),
    "small number": (sa.SmallInteger(), -7, -7),
    "truth": (sa.Boolean(), 1, True),
    "float": (sa.Double(), 0.1, 0.1),
    "float of a whole number": (sa.Float(), 1, 1.0),
    "infinite float": (sa.Float(53), float("-inf"), float("-inf")),
    "decimal": (sa.Numeric(12, 2), Decimal("9.5"), Decimal("9.50")),
    "decimal of a whole number": (sa.Numeric(12, 2), 9, Decimal("9.00")),
    "decimal with too many places": (sa.Numeric(12, 2), Decimal("-9.555"), Decimal("-9.56")),
    "amount in thousands": (Amount(), Decimal("1E+3"), Decimal("1000")),
    "amount of a whole number": (Amount(), 5, Decimal("5")),
    "negative zero": (Amount(), Decimal("-0.00"), Decimal("0.00")),
    "text": (sa.Text(), "a\t'b' ", "a\t'b' "),
    "enumerated text": (sa.Text(), Colour.RED, "red"),
    "older enumerated text": (sa.String(10), OldColour.RED, "red"),
    "unicode": (sa.Unicode(3), "äöü", "äöü"),
    "date": (sa.Date(), date(2026, 1, 1), date(2026, 1, 1)),
    "date of an instant": (sa.Date(), NOON, date(2026, 1, 1)),
    "wall time": (sa.DateTime(), WALL, WALL),
    "wall time of an instant": (sa.DateTime(), NOON.astimezone(TOKYO), WALL),
    "instant": (sa.DateTime(timezone=True), NOON.astimezone(TOKYO), NOON),
    "moment": (Moment(), NOON.astimezone(TOKYO), NOON),
    "time": (sa.Time(), time(1, 2, 3, 4), time(1, 2, 3, 4)),
    "duration": (sa.Interval(), timedelta(hours=-1), timedelta(hours=-1)),
    "bytes": (sa.LargeBinary(), b"\0x", b"\0x"),
    "buffer": (sa.LargeBinary(), bytearray(b"x"), b"x"),
    "view of a buffer": (sa.LargeBinary(), memoryview(b"x"), b"x"),
    "id": (Uuid(), str(ID), ID),
    "id of SQLAlchemy": (sa.Uuid(), ID, ID),
    "id as text": (sa.Uuid(as_uuid=False), str(ID).upper(), str(ID)),
    "document": (sa.JSON(), {"b": (1, None), "a": {1: 2.0}}, {"b": [1, None], "a": {"1": 2.0}}),
    "enumeration": (sa.Enum(Shape, native_enum=False), Shape.ROUND, Shape.ROUND),
    "enumerated words": (sa.Enum("a", "b", native_enum=False), "b", "b"),
    "type of one's own": (Tags(), ["x", "y"], {"x", "y"}),
    "instant of one's own": (InUTC(), NOON.astimezone(TOKYO), NOON),
    "number of one's own": (Cents(), Decimal("3"), 3),
    "nothing": (sa.JSON(), None, None),
    "nothing in a type of one's own": (Cents(), None, 0),
}  # fmt: skip

ON_POSTGRES = {
    "padded text": (sa.CHAR(5), "abc", "abc  "),
    "blanks after the length": (sa.String(3), "abc  ", "abc"),
    "padded text of one's own": (Padded(), "abc", "abc  "),
    "large decimal": (sa.Numeric(30, 2), Decimal(f"{10**20}.5"), Decimal(f"{10**20}.50")),
    "decimal without places": (sa.Numeric(5), Decimal("9.5"), Decimal("10")),
    "binary document": (
        postgresql.JSONB(),
        {"bb": 1e16, "a": [-0.0, 1.5]},
        {"a": [0.0, 1.5], "bb": 10_000_000_000_000_000},
    ),
}  # fmt: skip

ON_SQLITE = {
    "padded text": (sa.CHAR(5), "abc", "abc"),
    "text longer than its column": (sa.String(3), "abc  ", "abc  "),
    "negative float": (sa.Double(), -0.0, 0.0),
    "decimal without places": (sa.Numeric(), Decimal("9.5"), Decimal("9.5000000000")),
}

WAYS = [
    *((each, database) for each in SAME for database in ("sqlite", "postgres")),
    *((each, "postgres") for each in ON_POSTGRES),
    *((each, "sqlite") for each in ON_SQLITE),
]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def store(database: str, request: pytest.FixtureRequest) -> Iterator[Datastore]:
    datastore = Datastore.open(request.getfixturevalue(f"{database}_store"))
    yield datastore
    datastore.close()


def made(store: Datastore, type_: Any, **options: Any) -> sa.Table:
    columns = sa.Column("no", sa.Integer, primary_key=True), sa.Column("v", type_, **options)
    table = sa.Table("kept", sa.MetaData(), *columns, sa.Column("other", sa.Text))
    with store.write() as connection:
        table.create(connection)
    return table


def rows_of(store: Datastore, table: sa.Table) -> Rows:
    return Rows(table, store.read, store.engine.dialect)


def save(store: Datastore, rows: Rows) -> None:
    with store.write() as connection:
        rows.write(connection)
    rows.after_commit()


@pytest.mark.parametrize(("kind", "database"), WAYS)
def test_a_value_is_read_as_it_will_be_after_a_restart(
    store: Datastore, kind: str, database: str
) -> None:
    more = ON_POSTGRES if database == "postgres" else ON_SQLITE
    type_, given, kept = (SAME | more)[kind]
    table = made(store, type_)
    rows = rows_of(store, table)
    rows[1] = {"v": given}
    rows[2] = {}
    rows[2]["v"] = given
    at_once = [rows[each]["v"] for each in (1, 2)]
    save(store, rows)
    after_commit = [rows[each]["v"] for each in (1, 2)]
    restarted = rows_of(store, table)
    after_restart = [restarted[each]["v"] for each in (1, 2)]
    assert [*map(repr, [*at_once, *after_commit, *after_restart])] == [repr(kept)] * 6


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        (sa.Integer(), "7", "is not of the type int"),
        (sa.Boolean(), 2, "is not of the type bool"),
        (sa.Double(), "1", "is not of the type float"),
        (sa.Double(), float("nan"), "is not of the type float"),
        (sa.Double(), 2**53 + 1, "is not of the type float"),
        (sa.Numeric(12, 2), 9.5, "must be a finite Decimal"),
        (sa.Numeric(30, 10), Decimal("12345678901234567890.123456789"), "use Amount"),
        (Amount(), Decimal("1E+999999999"), "too many digits"),
        (sa.Text(), b"x", "is not of the type str"),
        (sa.Date(), "2026-01-01", "is not of the type date"),
        (sa.DateTime(timezone=True), WALL, "it has no time zone"),
        (sa.Time(), time(1, tzinfo=UTC), "must have no time zone"),
        (sa.LargeBinary(), "x", "is not of the type bytes"),
        (sa.JSON(), {"a": uuid.UUID(int=7)}, "is not a JSON document"),
        (sa.JSON(), [float("nan")], "is not a JSON document"),
        (sa.Enum(Shape, native_enum=False), "square", "square"),
        (Tags(), 7, "not iterable"),
    ],
    ids=str,
)
def test_a_value_that_would_not_be_kept_is_refused_where_it_is_set(
    store: Datastore, type_: Any, value: Any, reason: str
) -> None:
    rows = rows_of(store, made(store, type_))
    with pytest.raises(RowUnfit, match=rf"^The row 1 of kept cannot be written: v: .*{reason}"):
        rows[1] = {"v": value}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_document_that_a_handler_changes_in_place_is_written(store: Datastore) -> None:
    table = made(store, sa.JSON)
    rows = rows_of(store, table)
    rows[1] = {"v": ["a"]}
    rows[1]["v"].append("b")
    save(store, rows)
    rows[1]["v"].append("c")
    rows[1]["other"] = "changed too"
    save(store, rows)
    rows[1]["v"].append(("d",))
    save(store, rows)
    assert rows[1]["v"] == rows_of(store, table)[1]["v"] == ["a", "b", "c", ["d"]]


def test_a_document_of_an_event_is_not_the_document_of_the_row(store: Datastore) -> None:
    rows = rows_of(store, made(store, sa.JSON))
    items = ["a"]
    rows[1] = {"v": items}
    items.append("b")
    assert rows[1]["v"] == ["a"]


def test_rows_do_not_share_a_default(store: Datastore) -> None:
    rows = rows_of(store, made(store, sa.JSON, default=[]))
    rows[1] = {}
    rows[1]["v"].append("a")
    rows[2] = {}
    assert (rows[1]["v"], rows[2]["v"]) == (["a"], [])


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("type_", "first", "second"),
    [
        (sa.Date(), date(2026, 1, 1), NOON),
        (sa.Text(), "red", Colour.RED),
        (sa.Integer(), 1, True),
        (sa.DateTime(), WALL, NOON),
        (Moment(), NOON, NOON.astimezone(TOKYO)),
        (sa.Enum(Shape, native_enum=False), Shape.ROUND, Shape.ROUND),
    ],
    ids=str,
)
def test_two_ways_to_write_one_key_name_one_row(
    store: Datastore, type_: Any, first: Any, second: Any
) -> None:
    table = sa.Table(
        "keyed", sa.MetaData(), sa.Column("id", type_, primary_key=True), sa.Column("v", sa.Text)
    )
    with store.write() as connection:
        table.create(connection)
    rows = rows_of(store, table)
    rows[first] = {"v": "first"}
    save(store, rows)
    for each in (rows, rows_of(store, table)):
        with store.read() as connection:
            each.prefetch(connection, [second])
        assert each[second]["v"] == each[first]["v"]
        each[second]["v"] += "!"
        save(store, each)
        assert each[first]["v"] == each[second]["v"]
    with store.read() as connection:
        assert connection.execute(sa.select(table.c.v)).scalars().all() == ["first!!"]
