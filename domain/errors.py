"""Errors of the domain: the docstring is the message, and the fields carry the facts."""

from __future__ import annotations

from typing import Any
from uuid import UUID


class DomainError(Exception):
    """A rule of the domain is broken."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)
        super().__init__(" ".join((self.__doc__ or "").split()).format(**facts))


class CurrencyMismatch(DomainError):
    """{left} and {right} are not of one currency."""

    left: object
    right: object


class UnknownCurrency(DomainError, ValueError):
    """{currency!r} is not a currency that this shop knows: {known}."""

    currency: str
    known: str


class AmountNotExact(DomainError, ValueError):
    """{amount} {currency} is more exact than the currency, which has {places} decimal places."""

    amount: object
    currency: str
    places: int


class AmountOutOfBounds(DomainError):
    """{amount} {currency} is not an amount: it is from 0 to below {limit:f}."""

    amount: object
    currency: str
    limit: object


class QuantityOutOfBounds(DomainError):
    """{quantity} of {sku} is not a quantity: it is a whole number from 1 to {limit}."""

    sku: str
    quantity: int
    limit: int


class EmptyOrder(DomainError):
    """An order has at least one line."""


class TooManyLines(DomainError):
    """The order has {count} lines; an order has at most {limit}."""

    count: int
    limit: int


class SkuAtTwoPrices(DomainError):
    """{sku} is ordered at {first} and at {second}: an order has one price for each SKU."""

    sku: str
    first: object
    second: object


class OrderClosed(DomainError):
    """The order {order_id} is {status}, no longer placed."""

    order_id: UUID
    status: str


class NotEnoughStock(DomainError):
    """{wanted} of {sku} are wanted and {available} are available."""

    sku: str
    wanted: int
    available: int


class AlreadyReserved(DomainError):
    """Some of {sku} is already reserved for the order {order_id}."""

    sku: str
    order_id: UUID


class NoReservation(DomainError):
    """Nothing of {sku} is reserved for the order {order_id}."""

    sku: str
    order_id: UUID


class EmptyReservation(DomainError):
    """A reservation for the order {order_id} has at least one line."""

    order_id: UUID


class ReservationClosed(DomainError):
    """The reservation for the order {order_id} is {status}: it cannot be {wanted}."""

    order_id: UUID
    status: str
    wanted: str


class PaymentNotPending(DomainError):
    """The payment for the order {order_id} is {status}: its outcome is known already."""

    order_id: UUID
    status: str


class PaymentNotCaptured(DomainError):
    """The payment for the order {order_id} is {status}: there is nothing to give back."""

    order_id: UUID
    status: str
