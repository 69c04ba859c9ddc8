"""Customers and orders: an order is approved within the customer's credit, else rejected."""

from collections.abc import Iterator
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from eventsourcing.domain import Aggregate, event

from sagaline import (
    PIVOT,
    Application,
    Command,
    Saga,
    State,
    System,
    handles,
    on_compensated,
    step,
)
from sagaline.testing import Scenario, fault_matrix


class Purchase(Aggregate):
    class Asked(Aggregate.Created):
        customer: str
        total: int

    class Approved(Aggregate.Event):
        pass

    class Blocked(Aggregate.Event):
        reason: str

    class Rejected(Aggregate.Event):
        reason: str

    @event(Asked)
    def __init__(self, id: UUID, customer: str, total: int) -> None:
        self.customer = customer

    @event(Approved)
    def approve(self) -> None:
        self.approved = True

    @event(Blocked)
    def block(self, reason: str) -> None:
        self.approved = False

    @event(Rejected)
    def reject(self, reason: str) -> None:
        self.approved = False


class Account(Aggregate):
    class Opened(Aggregate.Created):
        customer: str
        limit: int

    class Charged(Aggregate.Event):
        amount: int

    class Relieved(Aggregate.Event):
        amount: int

    @event(Opened)
    def __init__(self, customer: str, limit: int) -> None:
        self.left = limit

    @staticmethod
    def create_id(customer: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"account:{customer}")

    @event(Charged)
    def charge(self, amount: int) -> None:
        self.left -= amount

    @event(Relieved)
    def relieve(self, amount: int) -> None:
        self.left += amount


class Credit(Aggregate):
    class Asked(Aggregate.Created):
        purchase_id: UUID

    class Reserved(Aggregate.Event):
        customer: str
        amount: int

    class Refused(Aggregate.Event):
        reason: str

    class Released(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, purchase_id: UUID) -> None:
        self.customer, self.amount = "", 0

    @staticmethod
    def create_id(purchase_id: UUID) -> UUID:
        return uuid5(purchase_id, "credit")

    @event(Reserved)
    def reserve(self, customer: str, amount: int) -> None:
        self.customer, self.amount = customer, amount

    @event(Refused)
    def refuse(self, reason: str) -> None:
        self.amount = 0

    @event(Released)
    def release(self) -> None:
        self.amount = 0


class PurchaseCommand(Command, key="purchase_id"):
    purchase_id: UUID


class Ask(PurchaseCommand):
    customer: str
    total: int


class OpenAccount(Command):
    customer: str
    limit: int


class ReserveCredit(PurchaseCommand):
    customer: str
    amount: int


class ReleaseCredit(PurchaseCommand):
    pass


class Approve(PurchaseCommand):
    pass


class Reject(PurchaseCommand):
    reason: str


class Purchases(Application, aggregates=[Purchase]):
    """What customers want to buy; nothing of it on a Sunday."""

    sunday = False

    @handles(Ask)
    def ask_for(self, command: Ask) -> Purchase:
        return Purchase(id=command.purchase_id, customer=command.customer, total=command.total)

    @handles(Approve)
    def approve(self, command: Approve) -> None:
        purchase: Purchase = self.repository.get(command.purchase_id)
        if self.sunday:
            purchase.block("closed on Sundays")
        else:
            purchase.approve()

    @handles(Reject)
    def reject(self, command: Reject) -> None:
        purchase: Purchase = self.repository.get(command.purchase_id)
        purchase.reject(command.reason)


class Customers(Application, aggregates=[Account, Credit]):
    """Knows how much each customer may owe."""

    @handles(OpenAccount)
    def open(self, command: OpenAccount) -> Account:
        return Account(customer=command.customer, limit=command.limit)

    @handles(ReserveCredit)
    def reserve(self, command: ReserveCredit) -> Credit | None:
        (known,) = self.repository.find(Credit, [Credit.create_id(command.purchase_id)])
        (account,) = self.repository.find(Account, [Account.create_id(command.customer)])
        if known is not None:
            return None
        credit = Credit(purchase_id=command.purchase_id)
        if account is None:
            credit.refuse(f"unknown customer {command.customer}")
        elif account.left < command.amount:
            credit.refuse(f"over the limit: {account.left} left")
        else:
            account.charge(command.amount)
            credit.reserve(command.customer, command.amount)
        return credit

    @handles(ReleaseCredit)
    def release(self, command: ReleaseCredit) -> Credit:
        (known,) = self.repository.find(Credit, [Credit.create_id(command.purchase_id)])
        credit = known or Credit(purchase_id=command.purchase_id)
        if credit.amount:
            account: Account = self.repository.get(Account.create_id(credit.customer))
            account.relieve(credit.amount)
        credit.release()
        return credit


class BuyOnCredit(Saga, starts_on=Purchase.Asked, key=lambda event: event.originator_id):
    """A purchase, approved or rejected."""

    @step(done=Credit.Reserved, refused=Credit.Refused)
    def reserve_credit(self) -> ReserveCredit:
        asked = self[Purchase.Asked]
        return ReserveCredit(purchase_id=self.key, customer=asked.customer, amount=asked.total)

    release_credit = reserve_credit.undo(ReleaseCredit, done=Credit.Released)
    approve = step(Approve, done=Purchase.Approved, refused=Purchase.Blocked, kind=PIVOT)

    @on_compensated
    def reject(self) -> Reject:
        return Reject(purchase_id=self.key, reason=self.reason)


bank = System("credit", applications=[Purchases, Customers], sagas=[BuyOnCredit])
PURCHASE = UUID("00000000-0000-4000-8000-000000000031")


@pytest.fixture
def credit() -> Iterator[Scenario]:
    """Ada may owe 100."""
    with Scenario(bank) as scenario:
        scenario.gives(OpenAccount(customer="Ada", limit=100))
        yield scenario


def left(credit: Scenario) -> int:
    account: Account = credit.get(Customers).repository.get(Account.create_id("Ada"))
    return account.left


def test_a_purchase_within_the_limit_is_approved_and_its_credit_reserved_once(
    credit: Scenario,
) -> None:
    credit.gives(Ask(purchase_id=PURCHASE, customer="Ada", total=60))
    credit.then_ends(State.COMPLETED).then_asked(ReserveCredit, Approve)
    assert left(credit) == 40


def test_a_purchase_over_the_limit_is_rejected_with_the_reason(credit: Scenario) -> None:
    credit.gives(Ask(purchase_id=PURCHASE, customer="Ada", total=101))
    credit.then_ends(State.COMPENSATED, "over the limit: 100 left")
    credit.then_asked(ReserveCredit, Reject)
    assert left(credit) == 100


def test_an_unknown_customer_is_rejected_for_another_reason(credit: Scenario) -> None:
    credit.gives(Ask(purchase_id=PURCHASE, customer="Bob", total=1))
    credit.then_ends(State.COMPENSATED, "unknown customer Bob").then_asked(ReserveCredit, Reject)


def test_where_the_last_step_fails_the_credit_is_released(credit: Scenario) -> None:
    credit.get(Purchases).sunday = True
    credit.gives(Ask(purchase_id=PURCHASE, customer="Ada", total=60))
    credit.then_ends(State.COMPENSATED, "closed on Sundays")
    credit.then_asked(ReserveCredit, Approve, ReleaseCredit, Reject)
    assert left(credit) == 100


def test_two_purchases_do_not_spend_the_same_credit(credit: Scenario) -> None:
    other = uuid5(PURCHASE, "other")
    with credit.stopped(Customers):
        credit.gives(Ask(purchase_id=PURCHASE, customer="Ada", total=60))
        credit.gives(Ask(purchase_id=other, customer="Ada", total=60))
    credit.then_ends(State.COMPLETED, key=PURCHASE)
    credit.then_ends(State.COMPENSATED, "over the limit: 40 left", key=other)
    assert left(credit) == 40


def test_buying_on_credit_comes_to_a_good_end_whatever_goes_wrong() -> None:
    assert fault_matrix(BuyOnCredit).cases > 100
