"""Orders of a restaurant, created, revised and cancelled by sagas, on both databases."""

from collections.abc import Iterator
from typing import Self

import pytest
from eventsourcing.application import AggregateNotFoundError

from sagaline import Application, Command, Runner, Saga
from sagaline.testing import fault_matrix
from tests.systems.restaurant.accounting import Accounting
from tests.systems.restaurant.commands import (
    PlaceOrder,
    StartCooking,
    WantCancellation,
    WantRevision,
)
from tests.systems.restaurant.delivery import Deliveries
from tests.systems.restaurant.kitchen import Kitchen
from tests.systems.restaurant.orders import Orders
from tests.systems.restaurant.sagas import CancelOrder, CreateOrder, ReviseOrder
from tests.systems.restaurant.system import system

SOUP = ("soup",)


def placed(dishes: tuple[str, ...] = SOUP, town: str = "Rome", card: str = "card 30") -> PlaceOrder:
    return PlaceOrder(order_id="7", dishes=dishes, town=town, card=card)


def revise(*dishes: str) -> WantRevision:
    return WantRevision(order_id="7", dishes=dishes)


CANCEL = WantCancellation(order_id="7")


class Restaurant:
    """The restaurant on a store."""

    def __init__(self, url: str) -> None:
        self._runner = Runner(system, {"SQLALCHEMY_URL": url})

    def __enter__(self) -> Self:
        self._runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.stop()

    def gives(self, *commands: Command) -> None:
        """Gives the commands, and lets all that follows from them happen."""
        for command in commands:
            app: type[Application] = Kitchen if isinstance(command, StartCooking) else Orders
            self._runner.get(app).execute_one(command)
        assert not self._runner.settle(30)

    def order(self, order_id: str = "7") -> tuple[str, tuple[str, ...]]:
        order = self._runner.get(Orders).order(order_id)
        return order.status, order.dishes

    def held(self, order_id: str = "7") -> tuple[str, int, bool]:
        """What the other contexts hold for an order."""
        planned = self._runner.get(Deliveries).delivery(order_id).planned
        return (*self.taken_back(order_id), planned)

    def taken_back(self, order_id: str = "7") -> tuple[str, int]:
        """What the kitchen and the accounting hold."""
        ticket = self._runner.get(Kitchen).ticket(order_id)
        return ticket.status, self._runner.get(Accounting).authorisation(order_id).amount


@pytest.fixture
def restaurant(store_url: str) -> Iterator[Restaurant]:
    with Restaurant(store_url) as found:
        yield found


def test_an_order_is_approved(restaurant: Restaurant) -> None:
    restaurant.gives(placed())
    assert restaurant.order() == ("approved", SOUP)
    assert restaurant.held() == ("confirmed", 10, True)


@pytest.mark.parametrize(
    "order",
    [placed(("stew",)), placed(("pie",) * 4), placed(town="moon")],
    ids=["unknown dish", "card without money", "too far"],
)
def test_an_order_that_one_context_refuses_is_rejected(
    order: PlaceOrder, restaurant: Restaurant
) -> None:
    restaurant.gives(order)
    assert restaurant.order()[0] == "rejected"


def test_what_other_contexts_held_for_a_rejected_order_is_given_back(
    restaurant: Restaurant,
) -> None:
    restaurant.gives(placed(town="moon"))
    with pytest.raises(AggregateNotFoundError):
        restaurant.held()  # no delivery was planned
    assert restaurant.taken_back() == ("cancelled", 0)


def test_an_order_is_revised_twice(restaurant: Restaurant) -> None:
    restaurant.gives(placed())
    restaurant.gives(revise("soup", "pie"))
    assert restaurant.order() == ("approved", ("soup", "pie"))
    restaurant.gives(revise("pie"))
    assert restaurant.order() == ("approved", ("pie",))
    assert restaurant.held() == ("confirmed", 10, True)


@pytest.mark.parametrize("dishes", [("stew",), ("pie",) * 4], ids=["unknown dish", "too dear"])
def test_a_revision_that_is_refused_leaves_the_order_as_it_was(
    dishes: tuple[str, ...], restaurant: Restaurant
) -> None:
    restaurant.gives(placed())
    restaurant.gives(revise(*dishes))
    assert restaurant.order() == ("approved", SOUP)
    assert restaurant.held() == ("confirmed", 10, True)


def test_a_revision_and_a_cancellation_wait_until_the_order_is_created(
    restaurant: Restaurant,
) -> None:
    restaurant.gives(placed(), revise("soup", "pie"), CANCEL)
    assert restaurant.order() == ("cancelled", ("soup", "pie"))
    assert restaurant.held() == ("cancelled", 0, False)


def test_a_cancellation_before_a_revision_leaves_nothing_to_revise(
    restaurant: Restaurant,
) -> None:
    restaurant.gives(placed(), CANCEL)
    restaurant.gives(revise("pie"))
    assert restaurant.order() == ("cancelled", SOUP)


def test_a_rejected_order_is_neither_revised_nor_cancelled(restaurant: Restaurant) -> None:
    restaurant.gives(placed(("stew",)), revise("pie"), CANCEL)
    assert restaurant.order() == ("rejected", ("stew",))


def test_an_order_that_is_being_cooked_is_not_cancelled(restaurant: Restaurant) -> None:
    restaurant.gives(placed())
    restaurant.gives(StartCooking(order_id="7"))
    restaurant.gives(CANCEL)
    assert restaurant.order() == ("approved", SOUP)
    restaurant.gives(revise("pie"))
    assert restaurant.held() == ("cooking", 10, True)


@pytest.mark.parametrize("saga", [CreateOrder, ReviseOrder, CancelOrder])
def test_each_saga_ends_right_whatever_fails(saga: type[Saga]) -> None:
    assert fault_matrix(saga).cases > 50


def test_the_sagas_end_right_together_whatever_fails() -> None:
    assert fault_matrix(system, stories=150).cases > 50
