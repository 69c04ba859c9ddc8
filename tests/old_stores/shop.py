"""What happened in the shop whose store is kept: sagas in every state, and how they are ended."""

from application.commands import ReceiveStock
from application.inventory import Inventory
from application.orders import Orders
from application.payments import Payments
from application.shipping import Shipping
from application.system import system
from sagaline import Runner, rebuild
from tests.cli.command_line import CommandLine
from tests.old_stores.orders import (
    NOWHERE,
    allow_refund,
    order,
    order_id,
    with_bug,
    without_carrier,
)
from tests.old_stores.stage import STAFF, Stage, give, retry_letters, steer

SYSTEM = system
APP = "application.system:system"
SAGA = "OrderFulfilment"
PARTICIPANTS = ("Orders", "Shipping", "Payments", "Inventory")
"""Those who come later in the flow first, so that a round takes every order one step on."""

ROUNDS = 7
FAILS = "pm_refund_fails"
TABLES = {
    "order_list": "order_id, status, reason",
    "stock_level": "sku, on_hand, reserved, available",
    "payment_ledger": "order_id, kind, amount",
    "saga_list": "name, key, state, step, remaining, reason",
}


def write(stage: Stage, run: CommandLine) -> None:
    """Writes the store."""
    _past(stage)
    for _ in rebuild(stage.system, stage.env):
        pass
    _under_way(stage)
    _at_each_step(stage)
    _timed_out(stage, run)


def finish(stage: Stage, runner: Runner) -> None:
    """Lets everything end: time passes, and a person sees to what is stuck."""
    runner.settle(horizon=0)
    retry_letters(stage)
    allow_refund(runner.get(Payments), "refund is allowed later")
    for name in ("refund is allowed later", "carrier comes back"):
        steer(runner, SAGA, order_id(name), lambda saga: saga.retry(STAFF))
    stage.go_on(runner)


def begin_another(runner: Runner) -> str:
    """Begins a new saga beside those of old; returns its key."""
    give(runner, Orders, order("another"))
    return str(order_id("another"))


def _past(stage: Stage) -> None:
    """Orders that have ended, or wait for a person."""
    lost = ("carrier comes back", "carrier is lost")
    with stage.opened() as runner, without_carrier(runner, *lost):
        give(runner, Inventory, ReceiveStock(sku="A1", quantity=1_000))
        give(
            runner,
            Orders,
            order("good"),
            order("flaky", "pm_flaky_2"),
            order("declined", "pm_card_chargeDeclined"),
            order("nowhere", country=NOWHERE),
            order("too late", "pm_timeout"),
            order("cancelled by a person", "pm_timeout"),
            order("refund is refused", FAILS, NOWHERE),
            order("refund is allowed later", FAILS, NOWHERE),
            order("abandoned", FAILS, NOWHERE),
            *(order(each) for each in lost),
        )
        runner.settle(horizon=0)
        steer(runner, SAGA, order_id("cancelled by a person"), lambda saga: saga.cancel(STAFF))
        stage.go_on(runner)
        steer(runner, SAGA, order_id("abandoned"), lambda saga: saga.abandon(STAFF))
        stage.go_on(runner)


def _under_way(stage: Stage) -> None:
    """Orders that wait for their time, and one that stands behind a dead letter."""
    with (
        stage.opened() as runner,
        without_carrier(runner, "pauses at the pivot"),
        with_bug(Shipping, "letter"),
    ):
        give(
            runner,
            Orders,
            order("payment is pending", "pm_timeout"),
            order("is being cancelled", "pm_timeout"),
            order("pauses at its payment", "pm_flaky_1"),
            order("pauses until it fails", "pm_flaky_7"),
            order("pauses at its refund", FAILS, NOWHERE),
            order("pauses at the pivot"),
            order("letter"),
        )
        runner.settle(horizon=0)
        steer(runner, SAGA, order_id("is being cancelled"), lambda saga: saga.cancel(STAFF))
        runner.settle(horizon=0)


def _at_each_step(stage: Stage) -> None:
    """One order at each step, on the way forward and on the way back; and one unheard of."""
    for number in range(ROUNDS):
        for name in PARTICIPANTS:
            stage.run(name)
        silent = [order("silent")] if number == ROUNDS - 2 else []
        back = order(f"back {number}", country=NOWHERE)
        stage.place(Orders, order(f"forward {number}"), back, *silent)
        stage.run(SAGA)
    stage.place(Orders, order("unheard of"))


def _timed_out(stage: Stage, run: CommandLine) -> None:
    """One payment has timed out: its outcome is unknown."""
    timer = f"{SAGA}/{order_id('silent')}:take_payment:timeout"
    moment = stage.clock().isoformat()
    said = run.sagaline("timers", "move", timer, moment, "--by", "Eve", "--reason", "waited enough")
    assert said.status == 0, said.errors
    stage.run(SAGA, *stage.views)
    stage.place(Orders, order("unheard of by all"))
