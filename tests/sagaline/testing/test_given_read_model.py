"""`given(ReadModelClass)`: expectations about rows, and their failure messages."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Integer, MetaData, Table, Text

from sagaline.errors import RowMissing
from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project
from sagaline.storage.sql.amounts import Amount
from sagaline.storage.sql.columns import Uuid
from sagaline.testing import LONG_AGO, SOMEONE, given, happened, recorded

ANN = UUID(int=1)


class Account(Aggregate):
    class Opened(Aggregate.Created):
        owner: str

    class Paid(Aggregate.Event):
        amount: Decimal


class Accounts(ReadModel):
    table = Table(
        "accounts",
        MetaData(),
        Column("id", Uuid, primary_key=True),
        Column("owner", Text, nullable=False),
        Column("paid", Amount, nullable=False, default=0),
        Column("last", Text),
    )

    @project(Account.Opened)
    def opened(self, event: Account.Opened) -> None:
        self.rows[event.originator_id] = {"owner": event.owner}

    @project(Account.Paid)
    def paid(self, event: Account.Paid, message: Message) -> None:
        row = self.rows[event.originator_id]
        row["paid"] += event.amount
        row["last"] = f"{message.position} {message.key} hop {message.hop}"


class Moments(ReadModel):
    table = Table(
        "moments",
        MetaData(),
        Column("second", Integer, primary_key=True),
        Column("version", Integer, primary_key=True),
    )

    @project()
    def happened(self, event: Any) -> None:
        second = (event.timestamp - LONG_AGO).seconds
        self.rows[second, event.originator_version] = {}


def test_history_and_a_new_event_are_projected() -> None:
    (
        given(Accounts, happened(Account.Opened, owner="Ann"))
        .when(Account.Paid, amount=Decimal("2.50"))
        .then_row(SOMEONE, owner="Ann", paid=Decimal("2.50"))
        .then_no_row(ANN)
        .then_rows(1)
    )


def test_a_batch_holds_events_of_several_streams() -> None:
    (
        given(Accounts)
        .when(
            happened(Account.Opened, originator_id=ANN, owner="Ann"),
            happened(Account.Opened, owner="Bob"),
            happened(Account.Paid, originator_id=ANN, amount=Decimal(1)),
        )
        .then_row(ANN, paid=Decimal(1))
        .then_row(SOMEONE, paid=Decimal(0))
    )


def test_the_kit_fills_in_the_envelope() -> None:
    (
        given(Accounts, happened(Account.Opened, owner="Ann"))
        .when(happened(Account.Paid, amount=Decimal(1)))
        .then_row(SOMEONE, last=f"test:2 {SOMEONE} hop 0")
    )
    (
        given(Moments, happened(Account.Opened, owner="Ann"))
        .when(Account.Paid, amount=Decimal(1))
        .then_row((0, 1))
        .then_row((1, 2))
    )


def test_a_test_may_set_the_envelope() -> None:
    paid = recorded(happened(Account.Paid, amount=Decimal(1)), application="Bank", key=ANN, hop=3)
    (
        given(Accounts, happened(Account.Opened, owner="Ann"))
        .when(paid)
        .then_row(SOMEONE, last=f"bank:2 {ANN} hop 3")
    )
    keyless = recorded(happened(Account.Opened, owner="Ann"), key=None)
    given(Moments).when(keyless).then_rows(0)


def test_all_rows_are_expected_at_once_in_any_order() -> None:
    outcome = given(Accounts, happened(Account.Opened, originator_id=ANN, owner="Ann")).when(
        Account.Opened, owner="Bob"
    )
    outcome.then({"owner": "Bob"}, {"id": ANN, "owner": "Ann", "paid": Decimal(0)})
    outcome.then({}, {"owner": "Bob"})
    with pytest.raises(AssertionError, match=r"(?s)a row with {'owner': 'Eve'}.*'Bob'"):
        outcome.then({"owner": "Bob"}, {"owner": "Eve"})
    with pytest.raises(AssertionError, match=r"a row with {'owner': 'Bob'}"):
        outcome.then({"owner": "Bob"}, {"owner": "Bob"})
    with pytest.raises(AssertionError, match=r"expected:\n  1 rows"):
        outcome.then({"owner": "Bob"})
    with pytest.raises(TypeError, match="no column 'onwer'"):
        outcome.then({"onwer": "Ann"})


def test_a_failure_shows_all_rows() -> None:
    outcome = given(Accounts).when(Account.Opened, owner="Ann")
    with pytest.raises(AssertionError, match=rf"(?s)rows of accounts.*row {ANN}.*actual:.*'Ann'"):
        outcome.then_row(ANN)
    with pytest.raises(AssertionError, match=r"(?s)expected:.*{'owner': 'Bob'}.*'Ann'"):
        outcome.then_row(SOMEONE, owner="Bob")
    with pytest.raises(AssertionError, match=f"no row {SOMEONE}"):
        outcome.then_no_row(SOMEONE)
    with pytest.raises(AssertionError, match="2 rows"):
        outcome.then_rows(2)
    with pytest.raises(TypeError, match="accounts has no column 'onwer': id, owner, paid, last"):
        outcome.then_row(SOMEONE, onwer="Ann")


def test_a_handler_that_raises_fails_the_test() -> None:
    with pytest.raises(RowMissing):
        given(Accounts).when(Account.Paid, amount=Decimal(1))
