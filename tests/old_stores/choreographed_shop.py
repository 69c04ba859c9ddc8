"""What happened in the shop by choreography whose store is kept, and how it is ended."""

from application.commands import ReceiveStock, RefundPayment
from sagaline import Runner, rebuild
from sagas.choreography import Inventory, Orders, Payments, Shipping, system
from tests.cli.command_line import CommandLine
from tests.old_stores.orders import (
    NOWHERE,
    allow_refund,
    order,
    order_id,
    with_bug,
    without_carrier,
)
from tests.old_stores.shop import FAILS, PARTICIPANTS, ROUNDS
from tests.old_stores.stage import Stage, give, retry_letters

SYSTEM = system
APP = "sagas.choreography:system"
TABLES = {
    "order_list": "order_id, status, reason",
    "stock_level": "sku, on_hand, reserved, available",
    "payment_ledger": "order_id, kind, amount",
}


def write(stage: Stage, run: CommandLine) -> None:
    """Writes the store."""
    _past(stage)
    for _ in rebuild(stage.system, stage.env):
        pass
    _under_way(stage)
    _at_each_hop(stage)


def finish(stage: Stage, runner: Runner) -> None:
    """Lets everything end: time passes, and a person sees to what is stuck."""
    runner.settle(horizon=0)
    retry_letters(stage)
    allow_refund(runner.get(Payments), "refund is allowed later")
    refund = RefundPayment(order_id=order_id("refund is allowed later"))
    give(runner, Payments, refund)
    stage.go_on(runner)


def begin_another(runner: Runner) -> str:
    """Begins a new order beside those of old; returns its key."""
    give(runner, Orders, order("another"))
    return str(order_id("another"))


def _past(stage: Stage) -> None:
    """Orders that have ended, or wait for a person; one was given up, so its timer is held."""
    with stage.opened() as runner, without_carrier(runner, "carrier is given up"):
        give(runner, Inventory, ReceiveStock(sku="A1", quantity=1_000))
        give(
            runner,
            Orders,
            order("good"),
            order("flaky", "pm_flaky_2"),
            order("declined", "pm_card_chargeDeclined"),
            order("nowhere", country=NOWHERE),
            order("too late", "pm_timeout"),
            order("refund is refused", FAILS, NOWHERE),
            order("refund is allowed later", FAILS, NOWHERE),
            order("carrier is given up"),
        )
        stage.go_on(runner)


def _under_way(stage: Stage) -> None:
    """Orders that wait for their time, and one that stands behind a dead letter."""
    with (
        stage.opened() as runner,
        without_carrier(runner, "carrier is asked again"),
        with_bug(Shipping, "letter"),
    ):
        give(
            runner,
            Orders,
            order("payment is pending", "pm_timeout"),
            order("payment is tried again", "pm_flaky_1"),
            order("payment is tried in vain", "pm_flaky_7"),
            order("refund is tried again", FAILS, NOWHERE),
            order("carrier is asked again"),
            order("letter"),
        )
        runner.settle(horizon=0)


def _at_each_hop(stage: Stage) -> None:
    """One order before each hop, on the way forward and on the way back."""
    for number in range(ROUNDS):
        for name in PARTICIPANTS:
            stage.run(name)
        back = order(f"back {number}", country=NOWHERE)
        stage.place(Orders, order(f"forward {number}"), back)
    stage.run(*stage.views)
    stage.place(Orders, order("unheard of by all"))
