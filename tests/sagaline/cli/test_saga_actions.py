"""`sagaline sagas show`, `retry`, `skip`, `cancel`, `abandon`."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.cli.command_line import A_DAY, CommandLine
from tests.cli.conftest import Happened
from tests.cli.orders import GOOD, STUCK, json_lines, order
from tests.invariants import violations
from tests.sagaline.small_system import until

PAYING = "00000000-0000-4000-8000-000000000004"
"""An order whose payment has no outcome for two days."""


def opened(run: CommandLine, *orders: dict[str, object]) -> None:
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert run.application("stock", "-", input=stock).status == 0
    assert run.application("place", "-", input=json_lines(orders)).status == 0


def stuck_order() -> dict[str, object]:
    far = {"country": "ZZ", "postcode": "45202"}
    return order(STUCK, payment_method="pm_refund_fails", ship_to=far)


@pytest.fixture
def parked(shop_after: Callable[[Happened], CommandLine]) -> CommandLine:
    """A shop with one parked saga: its refund was refused."""
    return shop_after(a_refund_was_refused)


def a_refund_was_refused(shop: CommandLine) -> None:
    opened(shop, stuck_order(), order(GOOD))
    assert shop.sagaline("run", "--until-settled").status == 1


def status_of(run: CommandLine, order_id: str) -> tuple[str, str | None]:
    found = run.application("order", order_id, "--json").json
    return found["status"], found["reason"]


def saga(run: CommandLine, key: str) -> dict[str, object]:
    shown: dict[str, object] = run.sagaline("sagas", "show", key, "--json").json
    return shown


def interventions(run: CommandLine, key: str) -> Iterator[tuple[object, ...]]:
    history: list[dict[str, dict[str, object]]] = saga(run, key)["history"]  # type: ignore[assignment]
    for each in history:
        if str(each["type"]) == "SagaIntervened":
            yield tuple(each["state"][name] for name in ("action", "step", "by", "reason"))


def test_a_saga_is_shown_with_its_history_and_its_possible_actions(parked: CommandLine) -> None:
    shown = parked.sagaline("sagas", "show", STUCK, "--json")
    assert shown.status == 0
    found = shown.json
    assert (found["name"], found["key"], found["state"]) == ("OrderFulfilment", STUCK, "parked")
    assert found["reason"] == "refund refused"
    steps = {each["step"]: (each["status"], each["attempts"]) for each in found["steps"]}
    assert steps["take_payment"] == ("undo stuck", 3)
    assert steps["reserve_stock"] == ("undone", 1)
    assert found["remaining"] == ["take_payment"]
    assert found["next"] == [
        {"action": "retry", "step": ""},
        {"action": "skip", "step": "take_payment"},
        {"action": "abandon", "step": ""},
    ]
    types = [each["type"] for each in found["history"]]
    assert (types[0], types[-1]) == ("SagaStarted", "SagaParked")


def test_an_operator_reads_the_history_and_the_possible_actions(parked: CommandLine) -> None:
    text = parked.sagaline("sagas", "show", STUCK).output
    assert re.search(r"take_payment +undo stuck +3 +refund refused", text)
    story = re.sub(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)? +", "", text, flags=re.MULTILINE)
    assert STORY in story
    assert f"sagas skip {STUCK} take_payment --reason R  mark it as done by hand" in story


STORY = """\
Order.Placed received
the saga requests: reserve_stock (ReserveStock)
Reservation.Made received
the saga requests: take_payment (TakePayment)
Payment.Captured received
the saga requests: book_shipment (BookShipment)
Shipment.Refused received: undeliverable address
the saga requests: undo take_payment (RefundPayment)
Payment.RefundRefused received: refund refused
the saga pauses before it retries
the saga requests: undo take_payment (RefundPayment), attempt 2
Payment.RefundRefused received: refund refused
the saga pauses before it retries
the saga requests: undo take_payment (RefundPayment), attempt 3
Payment.RefundRefused received: refund refused
the undo of take_payment is stuck
the saga requests: undo reserve_stock (ReleaseStock)
Reservation.Released received
the saga is parked at take_payment: refund refused

to undo  take_payment
"""


def test_an_operator_allows_a_refund_and_resumes_the_saga(parked: CommandLine) -> None:
    assert status_of(parked, STUCK)[0] == "attention"
    assert parked.application("gateway", "allow-refunds", STUCK).status == 0
    said = parked.sagaline("sagas", "retry", STUCK, "--by", "Eve", "--json")
    assert (said.status, said.json["state"]) == (0, "compensating")
    assert list(interventions(parked, STUCK)) == [("retry", "", "Eve", "")]
    assert parked.sagaline("run", "--until-settled").status == 0
    assert status_of(parked, STUCK) == ("cancelled", "undeliverable address")
    assert saga(parked, STUCK)["state"] == "compensated"
    assert violations(str(parked.store), settled=True) == []
    assert parked.sagaline("rebuild", "--verify").status == 0


def test_an_order_leaves_attention_when_its_saga_is_resumed(parked: CommandLine) -> None:
    assert parked.sagaline("sagas", "retry", STUCK).status == 0
    with parked.started("sagaline", "run", "--only", "order_list", "saga_list"):
        until(lambda: status_of(parked, STUCK)[0] == "placed")
        until(lambda: compensating(parked) == [STUCK])
    assert status_of(parked, STUCK) == ("placed", None)
    # It is refused again, three times, and the saga is parked again.
    assert parked.sagaline("run", "--until-settled").status == 1
    assert status_of(parked, STUCK)[0] == "attention"


def compensating(run: CommandLine) -> list[str]:
    listed = run.sagaline("sagas", "list", "--state", "compensating", "--json").json
    return [each["key"] for each in listed]


def test_an_operator_acts_while_a_runner_is_active(parked: CommandLine) -> None:
    with parked.started("sagaline", "run"):
        until(lambda: all(each["owner"] for each in followers(parked)))
        assert parked.application("gateway", "allow-refunds", STUCK).status == 0
        assert parked.sagaline("sagas", "retry", STUCK).status == 0
        until(lambda: status_of(parked, STUCK)[0] == "cancelled")
    assert [each[0] for each in interventions(parked, STUCK)] == ["retry"]


def followers(run: CommandLine) -> list[dict[str, object]]:
    found: list[dict[str, object]] = run.sagaline("status", "--json").json["followers"]
    return found


def test_a_step_that_was_done_by_hand_is_skipped(parked: CommandLine) -> None:
    why = ("--reason", "paid back in cash", "--by", "Eve")
    assert parked.sagaline("sagas", "skip", STUCK, "take_payment", *why).status == 0
    done = ("skip", "take_payment", "Eve", "paid back in cash")
    assert list(interventions(parked, STUCK)) == [done]
    assert parked.sagaline("run", "--until-settled").status == 0
    assert saga(parked, STUCK)["state"] == "compensated"


def test_a_stuck_saga_is_abandoned(parked: CommandLine) -> None:
    why = ("--reason", "lost case", "--by", "Eve")
    assert parked.sagaline("sagas", "abandon", STUCK, *why).status == 0
    found = saga(parked, STUCK)
    assert (found["state"], found["remaining"], found["next"]) == ("abandoned", [], [])
    assert list(interventions(parked, STUCK)) == [("abandon", "", "Eve", "lost case")]
    assert parked.sagaline("run", "--until-settled").status == 0
    # The order has no end state, and its reader must see that no saga works on it.
    told = "abandoned by Eve: lost case"
    assert status_of(parked, STUCK) == ("attention", told)
    (listed,) = parked.sagaline("sagas", "list", "--state", "abandoned", "--json").json
    assert (listed["key"], listed["reason"], found["reason"]) == (STUCK, told, told)
    text = parked.sagaline("sagas", "show", STUCK).output
    assert "Eve abandons the saga: lost case" in text
    assert text.endswith("Nothing can be done: it has ended.\n")
    assert parked.sagaline("rebuild", "--verify").status == 0


def test_an_operator_without_a_user_name_can_act(parked: CommandLine) -> None:
    assert parked.sagaline("sagas", "retry", STUCK).status == 0
    ((action, _, by, _),) = interventions(parked, STUCK)
    assert (action, bool(by)) == ("retry", True)


@pytest.fixture
def paying(shop_after: Callable[[Happened], CommandLine]) -> CommandLine:
    """A shop with one saga that waits for its payment, and one after its pivot."""
    return shop_after(a_payment_has_no_outcome)


def a_payment_has_no_outcome(shop: CommandLine) -> None:
    shop = shop.given(SHOP_PAYMENT_TIMEOUT=A_DAY)
    opened(shop, order(PAYING, payment_method="pm_timeout"), order(GOOD))
    assert shop.sagaline("run", "--until-settled", "--horizon", "60").status == 0


def test_an_order_is_cancelled_before_its_point_of_no_return(paying: CommandLine) -> None:
    said = paying.sagaline("sagas", "cancel", PAYING, "--reason", "changed her mind")
    assert said.status == 0
    assert "it is compensating" in said.errors
    # The payment is in flight: its outcome counts as unknown, and it is undone at once.
    assert "StepTimedOut" not in [each["command"] for each in timers(paying)]
    assert paying.sagaline("run", "--until-settled").status == 0
    assert status_of(paying, PAYING) == ("cancelled", "changed her mind")
    assert violations(str(paying.store), settled=True) == []


def timers(run: CommandLine) -> list[dict[str, object]]:
    found: list[dict[str, object]] = run.sagaline("timers", "list", "--json").json
    return found


def test_an_action_that_is_not_allowed_is_refused_in_one_line(paying: CommandLine) -> None:
    for arguments, why in (
        (("cancel", GOOD), "cancel is refused: it has ended, completed"),
        (("retry", PAYING), "nothing is stuck; it waits for the answer to take_payment"),
        (("skip", PAYING, "take_payment", "--reason", "x"), "take_payment is asked, not stuck"),
        (("skip", PAYING, "refund_payment", "--reason", "x"), "the undo of take_payment"),
        (("cancel", "nobody"), "There is no saga nobody: see `sagas list`."),
        (("show", "nobody"), "There is no saga nobody: see `sagas list`."),
    ):
        said = paying.sagaline("sagas", *arguments)
        assert (said.status, said.errors.count("\n")) == (2, 1)
        assert why in said.errors
        assert list(interventions(paying, PAYING)) == []


@pytest.mark.parametrize("action", [["skip", STUCK, "take_payment"], ["abandon", STUCK]])
def test_skip_and_abandon_need_a_reason(settled: CommandLine, action: list[str]) -> None:
    assert settled.sagaline("sagas", *action).status == 2
