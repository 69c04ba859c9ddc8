"""The contract of the ports, which every adapter has to keep.

Each adapter has a `World`, which opens it and names a payment method for each behaviour, as the
sandbox of a real gateway does. To hold another adapter to the contract, add its world to `WORLDS`.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol, Self
from uuid import UUID, uuid4

import pytest

from application.ports import (
    Booked,
    Booking,
    Capture,
    Captured,
    Declined,
    NeverTaken,
    NothingTaken,
    Pending,
    PortFault,
    Refund,
    RefundDeclined,
    Refunded,
    Undeliverable,
)
from domain.money import Money
from domain.order import ShipTo
from tests.application.one_by_one import (
    CarrierOneByOne,
    GatewayOneByOne,
    SingleCarrier,
    SingleGateway,
)

ROOT = Path(__file__).parents[2]
ORDER = uuid4()
PRICE = Money(amount=Decimal("19.98"), currency="USD")
HOME = ShipTo(country="US", postcode="45202")
NOWHERE = ShipTo(country="ZZ", postcode="")


class World(Protocol):
    """A gateway and a carrier, and how to steer them."""

    captures: str
    declines: str
    faults_twice: str
    answers_late: str
    keeps_the_money: str

    def gateway(self) -> GatewayOneByOne:
        """Opens the gateway again, and closes what was open."""
        ...

    def carrier(self) -> CarrierOneByOne:
        """Opens the carrier again, and closes what was open."""
        ...

    def at_once(self, *questions: str) -> list[list[str]]:
        """The answers to lists of requests, each list sent by its own process, at the same time."""
        ...

    def wait_for_late_answers(self) -> None:
        """Moves the clock until no outcome is pending."""
        ...

    def allow_refunds(self, order_id: UUID) -> None:
        """Makes the gateway grant a refund that it declined."""
        ...


class SimulatedWorld:
    """The simulated outside world, in a store of its own."""

    captures = "pm_card_visa"
    declines = "pm_card_chargeDeclined"
    faults_twice = "pm_flaky_2"
    answers_late = "pm_timeout"
    keeps_the_money = "pm_refund_fails"

    def __init__(self, url: str) -> None:
        self.url = url
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.opened.close()

    def gateway(self) -> SingleGateway:
        self.opened.close()
        gateway = SingleGateway(self.url, payment_timeout=900, clock=lambda: self.now)
        self.opened.callback(gateway.close)
        return gateway

    def carrier(self) -> SingleCarrier:
        self.opened.close()
        carrier = SingleCarrier(self.url)
        self.opened.callback(carrier.close)
        return carrier

    def at_once(self, *questions: str) -> list[list[str]]:
        scripts = [SCRIPT.format(url=self.url, questions=each) for each in questions]
        with ExitStack() as running:
            processes = [running.enter_context(started(script)) for script in scripts]
            for each in processes:
                assert each.stdout is not None
                assert each.stdout.readline() == "ready\n"
            for each in processes:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            return [each.communicate()[0].splitlines() for each in processes]

    def wait_for_late_answers(self) -> None:
        self.now += timedelta(seconds=1800)

    def allow_refunds(self, order_id: UUID) -> None:
        assert self.gateway().allow_refunds(order_id)


SCRIPT = """
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID
from tests.application.one_by_one import SingleCarrier
from tests.application.one_by_one import SingleGateway
from domain.money import Money
from domain.order import ShipTo

gateway = SingleGateway({url!r}, 900, lambda: datetime.now(UTC))
carrier = SingleCarrier({url!r})
print("ready", flush=True)
input()
for answer in {questions}:
    print(answer)
gateway.close()
carrier.close()
"""


@contextmanager
def started(script: str) -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


WORLDS: list[Callable[[str], AbstractContextManager[World]]] = [SimulatedWorld]


@pytest.fixture(params=WORLDS, ids=lambda each: each.__name__)
def world(request: pytest.FixtureRequest, store_url: str) -> Iterator[World]:
    with request.param(store_url) as world:
        yield world


def test_a_payment_is_captured_once_for_each_key(world: World) -> None:
    gateway = world.gateway()
    first = gateway.capture("a", ORDER, PRICE, world.captures)
    assert isinstance(first, Captured)
    assert first.reference
    assert gateway.capture("a", ORDER, PRICE, world.captures) == first
    assert world.gateway().capture("a", ORDER, PRICE, world.captures) == first
    assert world.gateway().capture("b", ORDER, PRICE, world.captures) != first


def test_captures_in_one_call_have_the_answers_of_single_calls(world: World) -> None:
    methods = [world.captures, world.declines, world.answers_late, world.captures]
    asked = [Capture(f"key {n}", UUID(int=n), PRICE, each) for n, each in enumerate(methods)]
    stolen = asked[0]._replace(order_id=ORDER)
    *told, again, fault = world.gateway().capture_all([*asked, asked[0], stolen])
    assert told == [world.gateway().capture(*each) for each in asked]
    assert again == told[0] != told[3]
    assert isinstance(fault, PortFault)
    assert world.gateway().capture_all([]) == []


def test_undos_in_one_call_have_the_answers_of_single_calls(
    world: World,
) -> None:
    methods = [world.captures, world.declines, world.answers_late]
    world.gateway().capture_all(
        [Capture(f"key {n}", UUID(int=n), PRICE, each) for n, each in enumerate(methods)]
    )
    keys = [*(f"key {n}" for n in range(len(methods))), "never asked for", "key 0"]
    asked = [Refund(f"refund {n}", key) for n, key in enumerate(keys)]
    settled, returned = world.gateway().settle_all(keys), world.gateway().refund_all(asked)
    assert settled == [world.gateway().settle(key) for key in keys]
    assert returned == [world.gateway().refund(*each) for each in asked]
    assert returned[0] == returned[-1] == returned[2] == Refunded(PRICE)
    assert returned[1] == returned[3] == NothingTaken()
    assert world.gateway().settle_all([]) == world.gateway().refund_all([]) == []


def test_a_declined_payment_stays_declined(world: World) -> None:
    first = world.gateway().capture("a", ORDER, PRICE, world.declines)
    assert isinstance(first, Declined)
    assert first.reason
    gateway = world.gateway()
    assert gateway.capture("a", ORDER, PRICE, world.declines) == first
    assert gateway.settle("a") == first
    assert gateway.refund("r", "a") == NothingTaken()


def test_a_retry_after_a_fault_succeeds_also_after_a_restart(world: World) -> None:
    for _ in range(2):
        with pytest.raises(PortFault, match=r"\w"):
            world.gateway().capture("a", ORDER, PRICE, world.faults_twice)
    first = world.gateway().capture("a", ORDER, PRICE, world.faults_twice)
    assert isinstance(first, Captured)
    assert world.gateway().capture("a", ORDER, PRICE, world.faults_twice) == first


def test_a_pending_outcome_is_known_when_it_is_due(world: World) -> None:
    pending = world.gateway().capture("a", ORDER, PRICE, world.answers_late)
    assert isinstance(pending, Pending)
    assert pending.until.tzinfo is not None
    assert world.gateway().capture("a", ORDER, PRICE, world.answers_late) == pending
    world.wait_for_late_answers()
    answer = world.gateway().capture("a", ORDER, PRICE, world.answers_late)
    assert isinstance(answer, Captured)
    assert world.gateway().settle("a") == answer


def test_a_key_is_not_used_for_two_payments(world: World) -> None:
    gateway = world.gateway()
    first = gateway.capture("a", ORDER, PRICE, world.captures)
    for order_id, amount in ((uuid4(), PRICE), (ORDER, PRICE * 2)):
        with pytest.raises(PortFault):
            gateway.capture("a", order_id, amount, world.captures)
    assert gateway.capture("a", ORDER, PRICE, world.captures) == first


def test_an_unknown_payment_is_settled_as_never_taken(world: World) -> None:
    assert world.gateway().settle("a") == NeverTaken()
    gateway = world.gateway()
    assert isinstance(gateway.capture("a", ORDER, PRICE, world.captures), Declined)
    assert isinstance(gateway.capture("a", ORDER, PRICE, world.answers_late), Declined)
    assert gateway.settle("a") == NeverTaken()
    assert gateway.refund("r", "a") == NothingTaken()


def test_a_payment_that_only_faulted_is_settled_as_never_taken(world: World) -> None:
    with pytest.raises(PortFault):
        world.gateway().capture("a", ORDER, PRICE, world.faults_twice)
    assert world.gateway().settle("a") == NeverTaken()
    gateway = world.gateway()
    for _ in range(3):
        assert isinstance(gateway.capture("a", ORDER, PRICE, world.faults_twice), Declined)
    assert gateway.refund("r", "a") == NothingTaken()


def test_a_pending_capture_is_settled_as_captured_and_refunded(world: World) -> None:
    world.gateway().capture("a", ORDER, PRICE, world.answers_late)
    settled = world.gateway().settle("a")
    assert isinstance(settled, Captured)
    assert world.gateway().refund("r", "a") == Refunded(PRICE)
    world.wait_for_late_answers()
    assert world.gateway().capture("a", ORDER, PRICE, world.answers_late) == settled
    assert world.gateway().refund("r", "a") == Refunded(PRICE)


def test_a_captured_payment_is_settled_as_captured(world: World) -> None:
    captured = world.gateway().capture("a", ORDER, PRICE, world.captures)
    assert world.gateway().settle("a") == captured
    assert world.gateway().capture("a", ORDER, PRICE, world.captures) == captured


def test_a_payment_is_refunded_once_for_all_refund_keys(world: World) -> None:
    world.gateway().capture("a", ORDER, PRICE, world.captures)
    for key in ("r", "r", "s"):
        assert world.gateway().refund(key, "a") == Refunded(PRICE)


def test_a_refund_before_the_capture_prevents_the_capture(world: World) -> None:
    assert world.gateway().refund("r", "a") == NothingTaken()
    assert isinstance(world.gateway().capture("a", ORDER, PRICE, world.captures), Declined)
    assert world.gateway().refund("r", "a") == NothingTaken()


def test_a_refund_that_was_declined_may_be_granted_later(world: World) -> None:
    world.gateway().capture("a", ORDER, PRICE, world.keeps_the_money)
    world.gateway().capture("b", uuid4(), PRICE, world.keeps_the_money)
    for _ in range(2):
        assert isinstance(world.gateway().refund("r", "a"), RefundDeclined)
    world.allow_refunds(ORDER)
    assert world.gateway().refund("r", "a") == Refunded(PRICE)
    assert isinstance(world.gateway().refund("r", "b"), RefundDeclined)


@pytest.mark.slow
def test_two_processes_that_pay_with_one_key_get_one_answer(world: World) -> None:
    payments = (
        "(gateway.capture(f'key {n}', UUID(int=n), Money(amount=Decimal(1), currency='USD'),"
        f" {world.captures!r}) for n in range(50))"
    )
    first, second = world.at_once(payments, payments)
    assert first == second
    assert len(set(first)) == 50


@pytest.mark.slow
def test_a_payment_and_its_settlement_at_once_agree(world: World) -> None:
    captured, settled = world.at_once(
        "(gateway.capture(f'key {n}', UUID(int=n), Money(amount=Decimal(1), currency='USD'),"
        f" {world.captures!r}) for n in range(50))",
        "(gateway.settle(f'key {n}') for n in reversed(range(50)))",
    )
    for capture, settlement in zip(captured, reversed(settled), strict=True):
        if settlement == str(NeverTaken()):
            assert capture.startswith("Declined")
        else:
            assert capture == settlement


def test_concurrent_captures_have_their_own_answers(world: World) -> None:
    gateway = world.gateway()
    methods = [world.captures, world.declines, world.answers_late]

    def pay(n: int) -> object:
        return gateway.capture(f"key {n % 150}", UUID(int=n % 150), PRICE, methods[n % 3])

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(pay, range(300)))
    assert answers[:150] == answers[150:]
    assert [type(each) for each in answers[:3]] == [Captured, Declined, Pending]
    assert len({each for each in answers if isinstance(each, Captured)}) == 50
    assert [
        world.gateway().capture(f"key {n}", UUID(int=n), PRICE, methods[n % 3]) for n in range(3)
    ] == answers[:3]


def test_a_shipment_is_booked_once_for_each_key(world: World) -> None:
    first = world.carrier().book("a", ORDER, HOME)
    assert isinstance(first, Booked)
    assert first.tracking_number
    assert world.carrier().book("a", ORDER, HOME) == first
    assert world.carrier().book("b", ORDER, HOME) != first


def test_an_undeliverable_address_stays_undeliverable(world: World) -> None:
    first = world.carrier().book("a", ORDER, NOWHERE)
    assert isinstance(first, Undeliverable)
    assert first.reason
    assert world.carrier().book("a", ORDER, NOWHERE) == first


def test_a_key_is_not_used_for_two_shipments(world: World) -> None:
    carrier = world.carrier()
    first = carrier.book("a", ORDER, HOME)
    for order_id, to in ((uuid4(), HOME), (ORDER, NOWHERE)):
        with pytest.raises(PortFault):
            carrier.book("a", order_id, to)
    assert carrier.book("a", ORDER, HOME) == first


def test_bookings_in_one_call_have_the_answers_of_single_calls(world: World) -> None:
    asked = [Booking("a", ORDER, HOME), Booking("b", ORDER, NOWHERE)]
    *told, again, fault = world.carrier().book_all([*asked, asked[0], Booking("a", ORDER, NOWHERE)])
    assert told == [world.carrier().book(*each) for each in asked]
    assert [type(each) for each in told] == [Booked, Undeliverable]
    assert again == told[0]
    assert isinstance(fault, PortFault)


@pytest.mark.slow
def test_two_processes_that_ship_with_one_key_get_one_answer(world: World) -> None:
    bookings = (
        "(carrier.book(f'key {n}', UUID(int=n), ShipTo(country='US', postcode=''))"
        " for n in range(50))"
    )
    first, second = world.at_once(bookings, bookings)
    assert first == second
    assert len(set(first)) == 50
