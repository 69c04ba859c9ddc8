"""A key is text, a number, a date or a UUID: what is no key is never taken for one."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from sqlalchemy import select

from sagaline import PIVOT, Application, Command, Runner, Saga, System, handles, reacts_to, step
from sagaline.errors import UnfitValue
from sagaline.messaging.keys import required_key
from sagaline.storage.tables.dead_letters import all_letters
from sagaline.system.saga_list import saga_list
from sagaline.testing import given, happened


class Order(Aggregate):
    class Placed(Aggregate.Created):
        contract: str | None

    class Paid(Aggregate.Event): ...


class Invoice(Aggregate):
    class Sent(Aggregate.Created): ...


class Place(Command, key="order_id"):
    order_id: UUID
    contract: str | None


class Pay(Command, key="contract"):
    contract: str | None
    order_id: UUID


class Bill(Command, key="contract"):
    contract: str | None
    order_id: UUID


class Orders(Application, aggregates=[Order]):
    @handles(Place)
    def place(self, command: Place) -> Order:
        return Order._create(Order.Placed, id=command.order_id, contract=command.contract)

    @handles(Pay)
    def pay(self, command: Pay) -> None:
        order: Order = self.repository.get(command.order_id)
        order.trigger_event(Order.Paid)


class Invoices(Application, aggregates=[Invoice]):
    @reacts_to(Order.Placed)
    def bill(self, event: Order.Placed) -> Bill:
        return Bill(contract=event.contract, order_id=event.originator_id)

    @handles(Bill)
    def send(self, command: Bill) -> Invoice:
        return Invoice._create(Invoice.Sent, id=UUID(int=command.order_id.int + 1000))


class Payment(Saga, starts_on=Order.Placed, key=lambda event: event.contract):
    @step(done=Order.Paid, kind=PIVOT)
    def pay(self) -> Pay:
        return Pay(contract=self.key, order_id=self[Order.Placed].originator_id)


system = System("contracts", applications=[Orders, Invoices], sagas=[Payment])


def test_events_without_a_key_start_no_saga_and_are_parked_each_alone(store_url: str) -> None:
    with Runner(system, {"SQLALCHEMY_URL": store_url}) as runner:
        for number, contract in enumerate(["c1", None, "", " ", "c2", "\0"], start=1):
            command = Place(order_id=UUID(int=number), contract=contract)
            assert runner.get(Orders).execute([command])[0].error is None
        runner.settle()
        with runner.views.read() as connection:
            found = connection.execute(select(saga_list.c.key, saga_list.c.state)).all()
            letters = all_letters(connection)
        assert sorted(map(tuple, found)) == [("c1", "completed"), ("c2", "completed")]
        parked = [each for each in letters if each.follower == "Payment"]
        assert [each.key for each in parked] == [str(UUID(int=n)) for n in (2, 3, 4, 6)]
        assert parked[0].error == (
            "UnfitValue: None is not a key: the key of Payment for Order.Placed is text that is "
            "not empty, an integer, a date or a UUID."
        )
        billed = runner.get(Invoices).recorder.page(0, 10).rows
        assert [each.key for each in billed] == ["c1", str(UUID(int=2)), "c2"]


def test_a_command_whose_key_is_none_has_no_key_and_one_whose_key_is_empty_is_refused(
    sqlite_store: str,
) -> None:
    with Runner(system, {"SQLALCHEMY_URL": sqlite_store}) as runner:
        orders = runner.get(Orders)
        orders.place(Place(order_id=UUID(int=1), contract="c1"))
        (without,) = orders.execute([Pay(order_id=UUID(int=1), contract=None)])
        assert without.error is None
        (refused,) = orders.execute([Pay(order_id=UUID(int=1), contract="")])
        assert str(refused.error) == (
            "'' is not a key: Pay.contract is text that is not empty, an integer, a date or a UUID."
        )
    assert Pay(order_id=UUID(int=1), contract=None).key is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("order 1", "order 1"),
        (7, "7"),
        (0, "0"),
        (UUID(int=1), str(UUID(int=1))),
        (date(2026, 1, 1), "2026-01-01"),
        (Decimal("1.50"), "1.50"),
        ("Zoë", "Zoë"),
    ],
)
def test_what_is_a_key_has_one_text(key: Any, text: str) -> None:
    assert required_key(key, "it") == text


@pytest.mark.parametrize(
    "key", [None, "", " \n", True, 1.5, b"a", [], ("a", 1), {}, "\0", "\ud800"]
)
def test_what_is_no_key_is_refused(key: Any) -> None:
    with pytest.raises(UnfitValue, match="is not a key: it is text"):
        required_key(key, "it")


def test_an_event_without_a_key_is_refused_in_a_test_of_a_saga() -> None:
    with pytest.raises(
        UnfitValue, match=r"None is not a key: the key of Payment for Order\.Placed"
    ):
        given(Payment, happened(Order.Placed, contract=None))
