"""Amounts in SQL: they compare, sort and sum by value, exactly, on both databases."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis.strategies import decimals
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from sagaline.storage.sql.amounts import Amount, sort_key

payments = sa.Table(
    "payments",
    sa.MetaData(),
    sa.Column("no", sa.Integer, primary_key=True),
    sa.Column("amount", Amount),
    sa.Column("paid", Amount),
    sa.Column("count", sa.Integer),
)

amount = payments.c.amount

GIVEN = ["9.50", "33", "-100.01", "100", "0.00", "12345678901234567890.01", "-100.001", "9.5"]


class Base(DeclarativeBase):
    pass


class Payment(Base):
    __tablename__ = "payments"

    no: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Amount)


@pytest.fixture
def connection(store_url: str) -> Iterator[sa.Connection]:
    """A connection of a program of its own, which uses SQLAlchemy alone."""
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        payments.create(connection)
        rows = [
            {"no": no, "amount": Decimal(each), "paid": Decimal(10), "count": 33}
            for no, each in enumerate(GIVEN)
        ]
        connection.execute(payments.insert(), rows)
        yield connection
    engine.dispose()


def found(connection: sa.Connection, *conditions: Any) -> list[int]:
    query = select(payments.c.no).where(*conditions).order_by(payments.c.no)
    return list(connection.execute(query).scalars())


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        (amount > 50, [3, 5]),
        (amount > Decimal("9.5"), [1, 3, 5]),
        (amount == Decimal("9.500"), [0, 7]),
        (amount != Decimal("9.5"), [1, 2, 3, 4, 5, 6]),
        (amount < Decimal("-100.001"), [2]),
        (amount >= Decimal("12345678901234567890.02"), []),
        (Decimal("12345678901234567890.005") < amount, [5]),
        (amount.between(0, Decimal("9.5")), [0, 4, 7]),
        (amount.in_([Decimal("33.0"), 100]), [1, 3]),
        (amount.in_(select(amount + 0).where(payments.c.no == 1)), [1]),
        (amount < payments.c.paid, [0, 2, 4, 6, 7]),
        (amount == payments.c["count"], [1]),
        (amount == sa.literal(33), [1]),
        (amount.is_(None), []),
        (~(amount > 0), [2, 4, 6]),
        (amount == select(func.max(amount)).scalar_subquery(), [5]),
    ],
)
def test_amounts_compare_by_value(
    connection: sa.Connection, condition: Any, numbers: list[int]
) -> None:
    assert found(connection, condition) == numbers


def test_a_parameter_is_compared_by_value(connection: sa.Connection) -> None:
    query = select(payments.c.no).where(amount > sa.bindparam("least")).order_by(amount)
    for least, numbers in ((50, [3, 5]), (Decimal("9.5"), [1, 3, 5])):
        assert list(connection.execute(query, {"least": least}).scalars()) == numbers


ASCENDING = [2, 6, 4, 0, 7, 1, 3, 5]


@pytest.mark.parametrize(
    "order",
    [amount, amount.asc(), sa.asc(amount), "amount", amount.asc().nulls_first()],
    ids=["column", "method", "function", "name", "nulls"],
)
def test_amounts_sort_by_value(connection: sa.Connection, order: Any) -> None:
    query = select(payments.c.no, amount).order_by(order, payments.c.no)
    assert [row.no for row in connection.execute(query)] == ASCENDING


@pytest.mark.parametrize("order", [amount.desc(), sa.desc(amount), sa.desc("amount")])
def test_amounts_sort_backwards_by_value(connection: sa.Connection, order: Any) -> None:
    query = select(payments.c.no, amount).order_by(order, payments.c.no.desc()).limit(3)
    assert [row.no for row in connection.execute(query)] == [5, 3, 1]


def test_amounts_sort_under_another_name_and_in_a_subquery(connection: sa.Connection) -> None:
    named = amount.label("value")
    query = select(payments.c.no, named).order_by(named, payments.c.no)
    assert [row.no for row in connection.execute(query)] == ASCENDING
    inner = select(payments.c.no, amount).subquery()
    query = select(inner.c.no).order_by(inner.c.amount, inner.c.no)
    assert list(connection.execute(query).scalars()) == ASCENDING
    other = payments.alias()
    query = select(other.c.no).order_by(other.c.amount, other.c.no)
    assert list(connection.execute(query).scalars()) == ASCENDING


def test_amounts_have_a_sum_a_least_and_a_greatest(connection: sa.Connection) -> None:
    query = select(func.sum(amount), func.min(amount), func.max(amount), func.max(payments.c.no))
    assert tuple(connection.execute(query).one()) == (
        sum(map(Decimal, GIVEN)),
        Decimal("-100.01"),
        Decimal("12345678901234567890.01"),
        7,
    )
    nothing = connection.execute(query.where(payments.c.no > 100)).one()
    assert tuple(nothing) == (None, None, None, None)


def test_sums_of_groups_are_exact_and_are_compared(connection: sa.Connection) -> None:
    parity = payments.c.no % 2
    query = select(parity, func.sum(amount)).group_by(parity).order_by(func.sum(amount))
    assert [tuple(row) for row in connection.execute(query)] == [
        (0, Decimal("-190.511")),
        (1, Decimal("12345678901234568032.51")),
    ]
    query = query.having(func.sum(amount) > 0)
    assert [row[0] for row in connection.execute(query)] == [1]


def test_a_running_sum_is_exact(connection: sa.Connection) -> None:
    running = func.sum(amount).over(order_by=payments.c.no)
    found = connection.execute(select(running).order_by(payments.c.no)).scalars().all()
    assert found == [sum(map(Decimal, GIVEN[: no + 1])) for no in range(len(GIVEN))]


def test_the_object_mapper_compares_and_sorts_by_value(connection: sa.Connection) -> None:
    with Session(connection) as session:
        query = select(Payment).where(Payment.amount > 9).order_by(Payment.amount.desc())
        assert [each.no for each in session.scalars(query)][:2] == [5, 3]


def test_other_queries_are_as_they_were(connection: sa.Connection) -> None:
    text = sa.Table("words", sa.MetaData(), sa.Column("word", sa.Text), sa.Column("no", sa.Integer))
    text.create(connection)
    connection.execute(text.insert(), [{"word": "b", "no": 9}, {"word": "a", "no": 33}])
    query = select(text.c.word).order_by(text.c.word.desc(), "no")
    assert list(connection.execute(query).scalars()) == ["b", "a"]
    query = select(func.sum(text.c.no), func.max(text.c.word), func.min(text.c.no))
    assert tuple(connection.execute(query).one()) == (42, "b", 9)


def test_a_plain_client_reads_the_digits(sqlite_store: str) -> None:
    engine = sa.create_engine(sqlite_store)
    with engine.begin() as connection:
        payments.create(connection)
        connection.execute(payments.insert(), {"no": 1, "amount": Decimal("9.50")})
        query = "SELECT amount, typeof(amount) FROM payments"
        assert tuple(connection.exec_driver_sql(query).one()) == ("9.50", "text")
    engine.dispose()


AMOUNTS = decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


@given(AMOUNTS, AMOUNTS)
def test_sort_keys_order_as_amounts_do(one: Decimal, other: Decimal) -> None:
    keys = sort_key(str(one)), sort_key(str(other))
    assert keys[0] is not None
    assert keys[1] is not None
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)
