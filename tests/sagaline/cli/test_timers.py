"""`sagaline timers`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sagaline.application.saga_process import SagaProcess
from sagaline.cli.commands.timers import moment_of
from sagaline.errors import UnfitValue
from sagaline.storage import Datastore
from sagaline.storage.tables.timers import delete_timers, hold_timers
from tests.cli.command_line import A_DAY, CommandLine
from tests.cli.conftest import Happened
from tests.cli.orders import GOOD, json_lines, order
from tests.sagaline.storage.stores import outside

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("now", NOON),
        ("now+90s", NOON + timedelta(seconds=90)),
        ("now+1.5h", NOON + timedelta(minutes=90)),
        ("now+2d", NOON + timedelta(days=2)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T08:30", datetime(2026, 2, 1, 8, 30, tzinfo=UTC)),
        ("2026-02-01T08:30+02:00", datetime(2026, 2, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_now_or_relative_or_iso_8601(written: str, meant: datetime) -> None:
    assert moment_of(written, NOON) == meant


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "",
        "1 hour",
        "+2h",
        "-2h",
        "5m",
        "now-5m",
        "now+5",
        "31.1.2026",
        "now+99999999999d",
        "now+1e400d",
        "infinity",
        "-infinity",
        "nan",
        "99999-01-01",
        "9999-12-31T23:59:59-10:00",
        "0001-01-01T00:00:00+10:00",
    ],
)
def test_text_that_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(UnfitValue, match="write now"):
        moment_of(written, NOON)


@pytest.fixture
def paying(shop_after: Callable[[Happened], CommandLine]) -> CommandLine:
    """A shop with a payment whose outcome comes in two days, twice the timeout of its step."""
    return shop_after(opened)


def opened(shop: CommandLine) -> None:
    shop = shop.given(SHOP_PAYMENT_TIMEOUT=A_DAY)
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert shop.application("stock", "-", input=stock).status == 0
    lines = json_lines([order(GOOD, payment_method="pm_timeout")])
    assert shop.application("place", "-", input=lines).status == 0
    assert shop.sagaline("run", "--until-settled", "--horizon", "60").status == 0


def told_by_the_saga(run: CommandLine) -> list[tuple[str, ...]]:
    """The interventions in the stream of the saga: who, what, which step, and why."""
    history = run.sagaline("sagas", "show", GOOD, "--json").json["history"]
    names = ("by", "action", "step", "reason")
    return [
        tuple(each["state"][name] for name in names)
        for each in history
        if each["type"] == "SagaIntervened"
    ]


def history(run: CommandLine) -> list[tuple[str, ...]]:
    """The recorded interventions."""
    names = ("by", "action", "about", "reason")
    told = run.sagaline("timers", "history", "--json").json
    return [tuple(each[name] for name in names) for each in told]


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
    # The timeout of the step first: the saga compensates, and the payment is settled by key.
    limit = before["OrderFulfilment"]["id"]
    assert paying.sagaline("timers", "move", f"OrderFulfilment/{limit}", "now").status == 0
    assert paying.sagaline("run", "--until-settled").status == 0
    assert paying.application("order", GOOD, "--json").json["status"] == "cancelled"
    assert timers(paying) == {}


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_timer_is_moved_to_the_ends_of_time_and_back(paying: CommandLine, moment: str) -> None:
    answer = timers(paying)["Payments"]["id"]
    assert paying.sagaline("timers", "move", answer, moment).status == 0
    assert "with its dead letter" not in paying.sagaline("timers", "list").output
    assert timers(paying)["Payments"]["due_at"][:4] == moment[:4]
    assert paying.sagaline("status").status in (0, 1)
    assert paying.sagaline("timers", "move", answer, "2126-01-01").status == 0


@pytest.mark.parametrize("due_at", [inf, -inf, 1e18])
def test_a_timer_that_is_due_at_no_moment_is_listed(paying: CommandLine, due_at: float) -> None:
    with outside(paying.store or "") as connection:
        connection.execute(text("UPDATE timers SET due_at = :at"), {"at": due_at})
    listed = timers(paying)
    assert {each["due_at"][:4] for each in listed.values()} <= {"0001", "9999"}


def test_a_timer_that_is_cancelled_never_fires(paying: CommandLine) -> None:
    limit = timers(paying)["OrderFulfilment"]["id"]
    assert paying.sagaline("timers", "cancel", limit).status == 0
    assert timers(paying).keys() == {"Payments"}
    for command in (["cancel", limit], ["move", limit, "now"]):
        said = paying.sagaline("timers", *command)
        assert (said.status, said.errors.count("\n")) == (2, 1)
        assert f"There is no timer {limit}" in said.errors


def test_the_saga_records_who_moved_or_cancelled_its_timer_and_why(paying: CommandLine) -> None:
    limit = timers(paying)["OrderFulfilment"]["id"]
    eve, why = ("--by", "Eve"), ("--reason", "the bank is slow today")
    assert paying.sagaline("timers", "move", limit, "2126-01-01", *eve, *why).status == 0
    assert paying.sagaline("timers", "cancel", limit, *eve).status == 0
    about, moved = f"OrderFulfilment/{limit}", "to 2126-01-01 00:00:00 UTC: the bank is slow today"
    assert told_by_the_saga(paying) == [
        ("Eve", "move timer", "take_payment", f"{about} {moved}"),
        ("Eve", "cancel timer", "take_payment", about),
    ]
    assert history(paying) == [
        ("Eve", "move timer", about, moved),
        ("Eve", "cancel timer", about, ""),
    ]


def test_the_saga_records_actions_on_timers_of_applications_for_its_key(
    paying: CommandLine,
) -> None:
    answer = timers(paying)["Payments"]["id"]
    assert (
        paying.sagaline("timers", "cancel", answer, "--by", "Eve", "--reason", "lost").status == 0
    )
    assert told_by_the_saga(paying) == [("Eve", "cancel timer", "", f"Payments/{answer} lost")]
    assert [each[0] for each in history(paying)] == ["Eve"]


def test_an_action_that_failed_is_not_recorded(paying: CommandLine) -> None:
    limit = timers(paying)["OrderFulfilment"]["id"]
    assert paying.sagaline("timers", "move", limit, "soon").status == 2
    assert paying.sagaline("timers", "cancel", "nothing").status == 2
    assert told_by_the_saga(paying) == history(paying) == []


def test_a_timer_that_has_fired_is_neither_moved_nor_recorded(
    paying: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = timers(paying)["OrderFulfilment"]["id"]
    steer = SagaProcess.intervene

    def overtaken(self: SagaProcess, key: str, *given: Any) -> Any:
        """Between the look and the deed a runner fires it."""
        with self.datastore.write() as connection:
            delete_timers(connection, self.name, [limit])
        return steer(self, key, *given)

    monkeypatch.setattr(SagaProcess, "intervene", overtaken)
    said = paying.sagaline("timers", "move", limit, "now")
    assert (said.status, "There is no timer" in said.errors) == (2, True)
    assert told_by_the_saga(paying) == history(paying) == []


def test_the_history_names_who_moved_a_timer_without_a_saga(shop: CommandLine) -> None:
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert shop.application("stock", "-", input=stock).status == 0
    lines = json_lines([order(GOOD, payment_method="pm_timeout")])
    assert shop.application("place", "-", input=lines).status == 0
    danced = ("--app", "sagas.choreography:system")
    assert shop.sagaline(*danced, "run", "--until-settled", "--horizon", "60").status == 0
    (timer,) = shop.sagaline(*danced, "timers", "list", "--json").json
    moved = shop.sagaline(*danced, "timers", "move", timer["id"], "now+2h", "--by", "Eve")
    assert moved.status == 0
    (told,) = shop.sagaline(*danced, "timers", "history", "--json").json
    assert (told["by"], told["about"], told["key"]) == ("Eve", f"Payments/{timer['id']}", GOOD)


def test_the_saga_records_an_action_on_a_timer_in_another_store(
    shop: CommandLine, tmp_path: Path
) -> None:
    apart = shop.given(PAYMENTS_SQLALCHEMY_URL=f"sqlite:///{tmp_path / 'payments.db'}")
    opened(apart)
    answer = timers(apart)["Payments"]["id"]
    assert apart.sagaline("timers", "move", answer, "2126-01-01", "--by", "Eve").status == 0
    told = ("Eve", "move timer", "", f"Payments/{answer} to 2126-01-01 00:00:00 UTC")
    assert told_by_the_saga(apart) == [told]
    assert [each[:2] for each in history(apart)] == [("Eve", "move timer")]


def test_the_timer_of_a_dead_letter_is_listed_as_held_and_not_moved(
    paying: CommandLine,
) -> None:
    limit = timers(paying)["OrderFulfilment"]["id"]
    datastore = Datastore.open(str(paying.store))
    with datastore.write() as connection:
        hold_timers(connection, "OrderFulfilment", [limit])
    datastore.close()
    assert re.search(
        r"with its dead letter +OrderFulfilment", paying.sagaline("timers", "list").output
    )
    for command in (["move", limit, "now"], ["cancel", limit]):
        said = paying.sagaline("timers", *command)
        assert (said.status, "waits for its dead letter" in said.errors) == (2, True)
    assert told_by_the_saga(paying) == history(paying) == []


def test_the_table_of_interventions_is_created_where_it_is_missing(
    paying: CommandLine,
) -> None:
    with outside(str(paying.store)) as connection:
        connection.execute(text("DROP TABLE interventions"))
    assert history(paying) == []
    limit = timers(paying)["OrderFulfilment"]["id"]
    assert paying.sagaline("timers", "cancel", limit, "--by", "Eve").status == 0
    assert [each[0] for each in history(paying)] == ["Eve"]


TWO_SAGAS = """
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.system import APPLICATIONS
from domain.order import Order
from sagaline import PIVOT, Application, Command, Saga, SetTimer, System
from sagaline import handles, hours, minutes, step


class Card(Aggregate):
    class Written(Aggregate.Event):
        pass

    class Sent(Aggregate.Event):
        pass


class WriteCard(Command, key="order_id"):
    order_id: UUID


class SendCard(Command, key="order_id"):
    order_id: UUID


class Remind(Command, key="order_id"):
    order_id: UUID
    step: str


class Cards(Application, aggregates=[Card]):
    @handles(WriteCard)
    def write(self, command: WriteCard) -> None:
        remind = Remind(order_id=command.order_id, step="find a pen")
        self.set_timer(SetTimer("remind", hours(1), remind))

    @handles(SendCard)
    def send(self, command: SendCard) -> None:
        pass

    @handles(Remind)
    def remind(self, command: Remind) -> None:
        pass


def order_id(event):
    return event.originator_id


class Write(Saga, starts_on=Order.Placed, key=order_id):
    ask = step(WriteCard, done=Card.Written, kind=PIVOT, within=minutes(15))


class Send(Saga, starts_on=Order.Placed, key=order_id):
    ask = step(SendCard, done=Card.Sent, kind=PIVOT, within=minutes(15))


system = System("shop", applications=[*APPLICATIONS, Cards], sagas=[Write, Send])
"""


def test_each_saga_of_a_key_records_the_actions_that_concern_it(
    run: CommandLine, sqlite_store: str
) -> None:
    (run.folder / "cards.py").write_text(TWO_SAGAS)
    run = run.given(SAGALINE_APP="cards:system", SAGALINE_STORE=sqlite_store)
    lines = json_lines([order(GOOD)])
    assert run.application("place", "-", input=lines).status == 0
    assert run.sagaline("run", "--until-settled", "--horizon", "60").status == 0
    limit = f"{GOOD}:ask:timeout"
    both = run.sagaline("timers", "cancel", limit)
    assert (both.status, f"Several followers have a timer {limit}" in both.errors) == (2, True)
    eve = ("--by", "Eve")
    assert run.sagaline("timers", "cancel", f"Send/{limit}", *eve).status == 0
    assert run.sagaline("timers", "cancel", "remind", *eve).status == 0
    told = {
        (each["application"], each["state"]["step"], each["state"]["reason"])
        for each in run.sagaline("timeline", GOOD, "--json").json_lines
        if each["type"] == "SagaIntervened"
    }
    # A timer of a saga concerns that saga; one of an application all sagas of its key, and no step.
    assert told == {
        ("Send", "ask", f"Send/{limit}"),
        ("Send", "", "Cards/remind"),
        ("Write", "", "Cards/remind"),
    }
