"""`sagaline timers`: what is pending is listed, moved and cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sagaline.cli.timers import moment_of
from sagaline.errors import UnfitValue
from tests.cli.command_line import CommandLine
from tests.cli.orders import GOOD, json_lines, order

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("now", NOON),
        ("+90s", NOON + timedelta(seconds=90)),
        ("+1.5h", NOON + timedelta(minutes=90)),
        ("+2d", NOON + timedelta(days=2)),
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T08:30", datetime(2026, 2, 1, 8, 30, tzinfo=UTC)),
        ("2026-02-01T08:30+02:00", datetime(2026, 2, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_written_as_people_do(written: str, meant: datetime) -> None:
    assert moment_of(written, NOON) == meant


@pytest.mark.parametrize("written", ["soon", "+5", "5m", "31.1.2026", "+99999999999d"])
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(UnfitValue, match="write now"):
        moment_of(written, NOON)


@pytest.fixture
def paying(shop: CommandLine) -> CommandLine:
    """A shop in which one payment is known in half an hour, and is waited for for a quarter."""
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert shop.process("application", "stock", "-", input=stock).status == 0
    lines = json_lines([order(GOOD, payment_method="pm_timeout")])
    assert shop.process("application", "place", "-", input=lines).status == 0
    assert shop.process("sagaline", "run", "--until-settled", "--horizon", "60").status == 0
    return shop


def timers(run: CommandLine) -> dict[str, dict[str, Any]]:
    listed = run.sagaline("timers", "list", "--json")
    assert listed.status == 0
    return {each["follower"]: each for each in listed.json}


def test_a_timer_is_moved_and_fires_then(paying: CommandLine) -> None:
    before = timers(paying)
    assert before.keys() == {"OrderFulfilment", "Payments"}
    answer = before["Payments"]["id"]
    said = paying.sagaline("timers", "move", answer, "2126-01-01", "--json")
    assert (said.status, said.json["id"]) == (0, answer)
    assert timers(paying)["Payments"]["due_at"] == "2126-01-01T00:00:00+00:00"
    # The time limit of the step first: the saga turns round, and the payment is settled by key.
    limit = before["OrderFulfilment"]["id"]
    assert paying.sagaline("timers", "move", f"OrderFulfilment/{limit}", "now").status == 0
    assert paying.process("sagaline", "run", "--until-settled").status == 0
    assert paying.application("order", GOOD, "--json").json["status"] == "cancelled"
    assert timers(paying) == {}


def test_a_timer_that_is_cancelled_never_fires(paying: CommandLine) -> None:
    limit = timers(paying)["OrderFulfilment"]["id"]
    assert paying.sagaline("timers", "cancel", limit).status == 0
    assert timers(paying).keys() == {"Payments"}
    for command in (["cancel", limit], ["move", limit, "now"]):
        said = paying.sagaline("timers", *command)
        assert (said.status, said.errors.count("\n")) == (2, 1)
        assert f"There is no timer {limit}" in said.errors
