"""`sagaline check`, and `run` after a change of the code."""

import pytest
from sqlalchemy import text

from tests.cli.command_line import CommandLine
from tests.cli.orders import GOOD, json_lines, order
from tests.sagaline.storage.stores import outside

SYSTEM = """
from application.commands import RefundPayment, ReleaseStock, ReserveStock, TakePayment
from application.system import APPLICATIONS
from domain.order import Order
from domain.payment import PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided
from domain.reservation import ReservedLine, StockRefused, StockReleased, StockReserved
from sagaline import Saga, System, minutes, step


class Fulfil(Saga, starts_on=Order.Placed, key=lambda event: event.originator_id):
    @step(done=StockReserved, refused=StockRefused)
    def reserve(self) -> ReserveStock:
        lines = self[Order.Placed].lines
        pieces = tuple(ReservedLine(sku=each.sku, quantity=each.quantity) for each in lines)
        return ReserveStock(order_id=self.key, lines=pieces)

    @reserve.undo(done=StockReleased)
    def release(self) -> ReleaseStock:
        return ReleaseStock(order_id=self.key)

    @step(done=PaymentCaptured, refused=PaymentDeclined, within=minutes(60))
    def NAME(self) -> TakePayment:
        placed = self[Order.Placed]
        method = placed.payment_method
        return TakePayment(order_id=self.key, amount=placed.total, payment_method=method)

    @NAME.undo(done=(PaymentRefunded, PaymentVoided))
    def refund(self) -> RefundPayment:
        return RefundPayment(order_id=self.key, amount=self[Order.Placed].total)


system = System("shop", applications=APPLICATIONS, sagas=[Fulfil])
"""

NOT_YET = ("--until-settled", "--horizon", "60")


@pytest.fixture
def waiting(run: CommandLine, sqlite_store: str) -> CommandLine:
    """A shop with one saga, which waits half an hour for the outcome of a payment."""
    run = run.given(SAGALINE_APP="fulfil:system", SAGALINE_STORE=sqlite_store)
    define(run, "pay")
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert run.application("stock", "-", input=stock).status == 0
    lines = json_lines([order(GOOD, payment_method="pm_timeout")])
    assert run.application("place", "-", input=lines).status == 0
    assert run.sagaline("run", *NOT_YET).status == 0
    return run


def define(run: CommandLine, name: str) -> None:
    """Rename the payment step, as a change of the code would."""
    (run.folder / "fulfil.py").write_text(SYSTEM.replace("NAME", name))


def test_unchanged_code_can_continue_all_live_sagas(waiting: CommandLine) -> None:
    said = waiting.sagaline("check", "--json")
    assert said.status == 0
    assert [(each["key"], each["can_go_on"]) for each in said.json["sagas"]] == [(GOOD, True)]
    assert (said.json["unknown_events"], said.json["tables_out_of_date"]) == ({}, [])


def test_a_change_that_live_sagas_cannot_follow_is_refused_and_harms_nothing(
    waiting: CommandLine,
) -> None:
    define(waiting, "charge")
    said = waiting.sagaline("check", "--json")
    (found,) = said.json["sagas"]
    assert (said.status, found["can_go_on"]) == (1, False)
    assert found["reason"] == "it has requested pay, which is no longer declared"
    assert "it has requested pay, which is no longer declared" in waiting.sagaline("check").output
    refused = waiting.sagaline("run", *NOT_YET)
    assert refused.status == 2
    assert "1 live sagas Fulfil in" in refused.errors
    assert (
        f"The first is {GOOD}: it has requested pay, which is no longer declared." in refused.errors
    )
    shown = waiting.sagaline("sagas", "show", GOOD, "--json").json
    assert shown["in_the_way"] == "it has requested pay, which is no longer declared"
    assert shown["next"] == [{"action": "abandon", "step": ""}]
    cancelled = waiting.sagaline("sagas", "cancel", GOOD)
    assert (cancelled.status, cancelled.errors.count("\n")) == (2, 1)
    assert "cancel is refused: the loaded code cannot continue it: it" in cancelled.errors
    define(waiting, "pay")
    assert waiting.sagaline("run", *NOT_YET).status == 0
    (timer,) = (
        each
        for each in waiting.sagaline("timers", "list", "--json").json
        if each["follower"] == "Payments"
    )
    assert waiting.sagaline("timers", "move", timer["id"], "now").status == 0


def test_a_saga_that_no_code_can_continue_is_abandoned_by_an_operator(waiting: CommandLine) -> None:
    define(waiting, "charge")
    why = ("--reason", "paid in cash")
    assert waiting.sagaline("sagas", "abandon", GOOD, *why).status == 0
    assert waiting.sagaline("check").status == 0
    assert waiting.sagaline("run", *NOT_YET).status == 0


def test_a_saga_that_is_renamed_without_a_word_is_refused_with_the_cure(
    waiting: CommandLine,
) -> None:
    renamed = SYSTEM.replace("NAME", "pay").replace("Fulfil", "Fulfilment")
    (waiting.folder / "fulfil.py").write_text(renamed)
    said = waiting.sagaline("check", "--json")
    assert said.status == 1
    assert "1 open saga" in said.json["parts"][0]
    assert "write class NewName(..., name='Fulfil')" in said.json["parts"][0]
    assert "Fulfilment is new to the log of Orders" in said.json["parts"][1]
    assert "name='Fulfil'" in waiting.sagaline("check").output
    refused = waiting.sagaline("run", *NOT_YET)
    assert (refused.status, refused.errors.count("\n")) == (2, 1)
    assert "name='Fulfil'" in refused.errors
    named = renamed.replace("(Saga, ", "(Saga, name='Fulfil', ")
    (waiting.folder / "fulfil.py").write_text(named)
    assert waiting.sagaline("check").status == 0
    assert waiting.sagaline("run", *NOT_YET).status == 0


def test_an_event_that_the_code_cannot_read_is_named_before_anything_runs(
    waiting: CommandLine, sqlite_store: str
) -> None:
    rewrite(sqlite_store, "orders_events", b'"customer_id"', b'"client_id"')
    said = waiting.sagaline("check", "--json")
    assert said.status == 1
    (found,) = said.json["unreadable_events"]
    assert found["topic"] == "domain.order:Order.Placed"
    assert found["reason"].startswith("customer_id: ")
    assert "domain.order:Order.Placed in Orders: customer_id: " in waiting.sagaline("check").output
    refused = waiting.sagaline("run", *NOT_YET)
    assert refused.status == 2
    assert "the code cannot read domain.order:Order.Placed in Orders" in refused.errors


def test_a_command_and_a_timer_that_the_code_cannot_read_are_named(
    waiting: CommandLine, sqlite_store: str
) -> None:
    rewrite(sqlite_store, "fulfil_events", b'"payment_method"', b'"card"')
    rewrite(sqlite_store, "timers", b'"step"', b'"part"')
    found = waiting.sagaline("check", "--json").json["unreadable_events"]
    topics = {each["topic"].partition(" ")[0] for each in found}
    assert topics >= {"application.commands:TakePayment", "sagaline:StepTimedOut"}


def rewrite(store: str, table: str, old: bytes, new: bytes) -> None:
    """Makes the rows of a table such as other code has written."""
    with outside(store) as connection:
        rows = connection.execute(text(f"SELECT rowid, state FROM {table}")).all()
        for rowid, state in rows:
            values = {"id": rowid, "state": state.replace(old, new)}
            connection.execute(text(f"UPDATE {table} SET state = :state WHERE rowid = :id"), values)
