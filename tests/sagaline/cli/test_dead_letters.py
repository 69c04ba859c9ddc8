"""`sagaline dead-letters`, for a handler with a bug."""

import pytest

from tests.cli.command_line import CommandLine
from tests.cli.orders import DECLINED, GOOD, json_lines, order

LETTER = "customers/orders:2"

SYSTEM = """
import os

from sqlalchemy import Column, MetaData, Table, Text

from application.system import APPLICATIONS
from domain.order import Order
from sagaline import ReadModel, System, project


class Customers(ReadModel):
    table = Table("customers", MetaData(), Column("name", Text, primary_key=True))

    def keys_of(self, event, message):
        return (event.customer_id,)

    @project(Order.Placed)
    def placed(self, event):
        if event.customer_id == os.environ.get("UNLUCKY"):
            raise ValueError("a bug")
        self.rows[event.customer_id] = {}


system = System("shop", applications=APPLICATIONS, read_models=[Customers])
"""


@pytest.fixture
def unlucky(run: CommandLine, sqlite_store: str) -> CommandLine:
    """A shop with a read model that raises for the customer 901."""
    (run.folder / "customers.py").write_text(SYSTEM)
    variables = {"SAGALINE_APP": "customers:system", "SAGALINE_STORE": sqlite_store}
    run = run.given(**variables, UNLUCKY="901")
    lines = json_lines([order(GOOD), order(DECLINED, customer_id="901")])
    assert run.application("place", "-", input=lines).status == 0
    return run


def test_an_event_whose_handler_raises_is_parked_and_listed(unlucky: CommandLine) -> None:
    said = unlucky.sagaline("run", "--until-settled", "--json")
    assert (said.status, said.json["dead_letters"]) == (1, 1)
    assert LETTER in unlucky.sagaline("dead-letters", "list").output
    listed = unlucky.sagaline("dead-letters", "list", "--json")
    assert listed.status == 1
    (letter,) = listed.json
    assert (letter["follower"], letter["event"], letter["key"]) == (
        "customers",
        "orders:2",
        DECLINED,
    )
    assert letter["error"] == "ValueError: a bug"
    assert 'raise ValueError("a bug")' in letter["traceback"]
    status = unlucky.sagaline("status")
    assert (status.status, "parked" in status.output) == (1, True)


def test_a_parked_event_is_shown_retried_and_discarded(unlucky: CommandLine) -> None:
    assert unlucky.sagaline("run", "--until-settled").status == 1
    shown = unlucky.sagaline("dead-letters", "show", LETTER)
    assert shown.status == 0
    assert 'raise ValueError("a bug")' in shown.output
    again = unlucky.sagaline("dead-letters", "retry", LETTER, "--json")
    assert (again.status, again.json["error"]) == (1, "ValueError: a bug")
    mended = unlucky.given(UNLUCKY="")
    done = mended.sagaline("dead-letters", "retry", LETTER, "--json")
    assert (done.status, done.json["taken"], done.json["left"]) == (0, 1, 0)
    assert mended.sagaline("dead-letters", "list").status == 0
    gone = mended.sagaline("dead-letters", "show", LETTER)
    assert (gone.status, gone.errors.count("\n")) == (2, 1)
    assert f"There is no dead letter {LETTER}" in gone.errors


def test_a_parked_event_is_discarded_for_a_reason(unlucky: CommandLine) -> None:
    assert unlucky.sagaline("run", "--until-settled").status == 1
    assert unlucky.sagaline("dead-letters", "discard", LETTER).status == 2
    why = ("--reason", "a customer of no account")
    assert unlucky.sagaline("dead-letters", "discard", LETTER, *why).status == 0
    assert unlucky.sagaline("run", "--until-settled").status == 0


def test_the_history_names_the_operator_and_the_reason_where_no_saga_does(
    unlucky: CommandLine,
) -> None:
    history = ("dead-letters", "history")
    assert unlucky.sagaline("run", "--until-settled").status == 1
    assert unlucky.sagaline(*history).output == "There are none.\n"
    eve = ("--by", "Eve")
    why = ("--reason", "a customer of no account")
    assert unlucky.sagaline("dead-letters", "retry", LETTER, *eve).status == 1
    assert unlucky.sagaline("dead-letters", "discard", LETTER, *why, *eve).status == 0
    # A letter that is discarded already is not discarded, or recorded, a second time.
    assert unlucky.sagaline("dead-letters", "discard", LETTER, *why).status == 2
    told = unlucky.sagaline(*history, "--json").json
    names = ("by", "action", "about", "key", "reason")
    assert [tuple(each[name] for name in names) for each in told] == [
        ("Eve", "retry dead letter", LETTER, DECLINED, ""),
        ("Eve", "discard dead letter", LETTER, DECLINED, "a customer of no account"),
    ]
    assert told[0]["at"] < told[1]["at"]
    assert "a customer of no account" in unlucky.sagaline(*history).output


def test_a_rebuild_that_fails_names_the_event(unlucky: CommandLine) -> None:
    assert unlucky.given(UNLUCKY="").sagaline("run", "--until-settled").status == 0
    said = unlucky.sagaline("rebuild", "--json")
    assert (said.status, said.json) == (1, [])
    assert "orders:2" in said.errors
    assert "a bug" in said.errors
    assert said.errors.count("\n") == 1
