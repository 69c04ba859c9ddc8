"""Tables of read models: which are refused when the model is defined, with the cure."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from eventsourcing.domain import Aggregate
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

from sagaline import Amount, Application, DefinitionError, ReadModel, System, Uuid, project


class Order(Aggregate):
    class Placed(Aggregate.Created):
        pass


class Orders(Application, aggregates=[Order]):
    pass


class Position(TypeDecorator[Any]):
    impl = sa.Integer
    cache_ok = True

    def bind_processor(self, dialect: Any) -> Any:
        return None


def table(*columns: Any, name: str = "orders_by_id", **options: Any) -> sa.Table:
    return sa.Table(
        name, sa.MetaData(), sa.Column("id", Uuid, primary_key=True), *columns, **options
    )


def column(type_: Any, **options: Any) -> sa.Table:
    return table(sa.Column("v", type_, **options))


def keyed(type_: Any) -> sa.Table:
    return sa.Table("t", sa.MetaData(), sa.Column("id", type_, primary_key=True))


def define(of: sa.Table, name: str = "Listed") -> type[ReadModel]:
    @project(Order.Placed)
    def placed(self: Any, event: Order.Placed) -> None:
        self.rows[event.originator_id] = {}

    return type(name, (ReadModel,), {"table": of, "placed": placed})


REFUSED = {
    "a schema": (table(schema="views"), "names the schema views. Leave the schema out"),
    "a name of the old table": (table(name="a__old"), "'a__old' is kept for tables of a rebuild"),
    "a name of a spare table": (table(name="a__SPARE"), "is kept for tables of a rebuild"),
    "a name of a shadow": (table(name="a__17"), "is kept for tables of a rebuild"),
    "a name of a follower": (table(name="a@b"), "is kept for tables of a rebuild"),
    "a name of SQLite": (table(name="sqlite_a"), "is kept for tables of a rebuild or of SQLite"),
    "no name": (table(name=""), "is kept for tables"),
    "a long name": (table(name="ä" * 32), "PostgreSQL would cut off ää"),
    "a long column": (table(sa.Column("a" * 64, sa.Text)), "would cut off aaa"),
    "a long index": (table(sa.Index("i" * 64, "id")), "would cut off iii"),
    "two columns of one name": (
        table(sa.Column("a", sa.Text), sa.Column("A", sa.Text)),
        "SQLite takes the columns a, A for one",
    ),
    "a column of PostgreSQL": (table(sa.Column("xmin", sa.Text)), "has a column xmin of its own"),
    "a foreign key": (
        table(sa.Column("p", Uuid, sa.ForeignKey("parents.id"))),
        "has a foreign key. Leave it out",
    ),
    "a foreign key to itself": (
        table(sa.Column("p", Uuid, sa.ForeignKey("orders_by_id.id"))),
        "has a foreign key",
    ),
    "a computed column": (column(sa.Integer, server_default=sa.text("1")), "another value in a re"),
    "computed by SQL": (table(sa.Column("v", sa.Integer, sa.Computed("1"))), "another value in"),
    "an identity": (table(sa.Column("v", sa.Integer, sa.Identity())), "another value in a rebuild"),
    "no type": (table(sa.Column("v")), "it has no type. Give it one"),
    "an enumeration": (column(sa.Enum("a", name="e")), "Write Enum(..., native_enum=False)"),
    "an enumeration of PostgreSQL": (column(postgresql.ENUM("a", name="e")), "native_enum=False"),
    "a pickle": (column(sa.PickleType), "stored bytes would be run as code. Use JSON"),
    "an array": (column(sa.ARRAY(sa.Integer)), "Use JSON, or a table of its own"),
    "an array on one database": (
        column(sa.JSON().with_variant(sa.ARRAY(sa.Integer), "postgresql")),
        "arrays of rows with arrays inside are not written",
    ),
    "a single float": (column(sa.REAL), "it keeps fewer digits than it is given. Use Double"),
    "a narrow float": (column(sa.Float(24)), "it keeps fewer digits"),
    "decimals as floats": (column(sa.Numeric(asdecimal=False)), "keeps decimals and returns fl"),
    "floats as decimals": (column(sa.Float(asdecimal=True)), "it keeps fewer digits"),
    "a time with a zone": (column(sa.Time(timezone=True)), "SQLite drops the zone of a time"),
    "a rounded instant": (column(postgresql.TIMESTAMP(precision=3)), "a precision cuts its values"),
    "a rounded duration": (column(sa.Interval(second_precision=3)), "precision cuts its values"),
    "an address": (column(postgresql.INET), "the values of the type INET may come back changed"),
    "processors of one's own": (column(Position), "it overrides bind_processor"),
    "an unfit default": (column(sa.Integer, default="x"), "default of the column v does not fit"),
    "a decimal as a key": (keyed(sa.Numeric(9, 2)), "is part of the key. Use Uuid, Text or Int"),
    "an amount as a key": (keyed(Amount), "is part of the key"),
    "padded text as a key": (keyed(sa.CHAR(5)), "is part of the key"),
    "a document as a key": (keyed(sa.JSON), "is part of the key"),
    "text without case as a key": (keyed(sa.String(collation="NOCASE")), "is part of the key"),
}


@pytest.mark.parametrize(("of", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_that_cannot_work_is_refused_when_it_is_defined(of: sa.Table, said: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        define(of)
    assert str(refusal.value).startswith("Listed: ")
    assert said in str(refusal.value).replace(
        ", and equal values may be written in several ways as ", "|"
    ).replace("|" + repr(next(iter(of.primary_key)).type), "")


@pytest.mark.parametrize(
    "of",
    [
        table(name="timers"),
        table(name="Followers"),
        table(name="read_tables"),
        table(name="orders_events"),
        table(name="ORDERS_EVENTS"),
        table(name="orders_snapshots"),
        table(name="orders_events_key_idx"),
        table(sa.Index("timers_due_idx", "id")),
        table(sa.Index("dead_letters", "id")),
        table(sa.Index("orders_by_id", "id")),
        table(sa.Index("one", "id"), sa.Index("One", "id")),
        table(sa.UniqueConstraint("id", name="store")),
    ],
)
def test_a_read_table_takes_no_name_that_a_store_has_already(of: sa.Table) -> None:
    with pytest.raises(DefinitionError, match=r"^Listed: .* has a table or an index named .* too"):
        System("shop", applications=[Orders], read_models=[define(of)])


def test_two_read_tables_have_no_index_of_one_name() -> None:
    one = define(table(sa.Index("by_id", "id"), name="one"))
    two = define(table(sa.Index("BY_ID", "id"), name="two"), name="Second")
    with pytest.raises(DefinitionError, match=r"^Second: Listed has a table or an index named BY_"):
        System("shop", applications=[Orders], read_models=[one, two])


def test_one_table_serves_one_read_model_of_a_system() -> None:
    of = table()
    with pytest.raises(DefinitionError, match="two parts named orders_by_id"):
        System("shop", applications=[Orders], read_models=[define(of), define(of, "Second")])
    for each in (define(of), define(of)):
        assert System("shop", applications=[Orders], read_models=[each]).name == "shop"


def test_usual_columns_are_accepted() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("order", sa.Text),
        sa.Column("100% :sure?", sa.Text),
        sa.Column('a "quoted" name', Amount, default=Decimal(0)),
        sa.Column("other name", Uuid, key="other", default=UUID(int=1)),
        sa.Column("shape", sa.Enum("a", "b", native_enum=False), default="a"),
        sa.Column("doc", sa.JSON().with_variant(postgresql.JSONB, "postgresql"), default={}),
    )
    assert define(table(*columns)).table.name == "orders_by_id"
