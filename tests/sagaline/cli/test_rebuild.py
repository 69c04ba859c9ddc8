"""`sagaline rebuild`."""

import signal
from collections.abc import Callable

import pytest
from sqlalchemy import update

from application.system import system
from projections.tables import order_list
from sagaline import rebuild
from sagaline.cli.signals import exit_on_signals
from sagaline.rebuilding.shadow_table import ShadowTable
from sagaline.storage import Datastore
from sagaline.storage.tables.schema import read_tables
from tests.cli.command_line import CommandLine, Said
from tests.cli.conftest import Happened
from tests.cli.orders import GOOD, json_lines, order


@pytest.fixture
def run_shop(shop_after: Callable[[Happened], CommandLine]) -> CommandLine:
    """A shop with one order, which was cancelled because there is no stock."""
    return shop_after(an_order_was_cancelled)


def an_order_was_cancelled(shop: CommandLine) -> None:
    assert shop.application("place", "-", input=json_lines([order()])).status == 0
    assert shop.sagaline("run", "--until-settled").status == 0


def tamper(shop: CommandLine) -> None:
    assert shop.store is not None
    datastore = Datastore.open(shop.store)
    with datastore.write() as connection:
        connection.execute(update(order_list).values(customer_id="nobody"))
        connection.execute(update(read_tables).values(fingerprint="other code"))
    datastore.close()


def customer(shop: CommandLine) -> str:
    (found,) = shop.application("orders", "--json").json
    name: str = found["customer_id"]
    return name


def test_a_verification_of_correct_tables_finds_them_the_same(run_shop: CommandLine) -> None:
    said = run_shop.sagaline("rebuild", "--verify", "--json")
    assert said.status == 0
    found = {each["view"]: each for each in said.json}
    assert len(found) == 7
    assert {len(each["differences"]) for each in found.values()} == {0}
    assert (found["order_list"]["rows"], found["order_list"]["events"]) == (1, 2)
    assert said.errors == ""


def test_a_difference_is_found_by_a_verification_and_repaired_by_a_rebuild(
    run_shop: CommandLine,
) -> None:
    tamper(run_shop)
    said = run_shop.sagaline("rebuild", "--verify", "order_list", "order_detail", "--json")
    assert said.status == 1
    assert [each["differences"] for each in said.json] == [[GOOD], []]
    assert customer(run_shop) == "nobody", "a verification mends nothing"
    text = run_shop.sagaline("rebuild", "--verify", "order_list")
    assert (text.status, f"differs: {GOOD}" in text.output) == (1, True)
    assert run_shop.sagaline("rebuild", "order_list").status == 0
    assert customer(run_shop) == "900"
    back = run_shop.sagaline("rebuild", "order_list", "--rollback", "--json")
    assert (back.status, back.json) == (0, {"rolled_back": ["order_list"]})
    assert customer(run_shop) == "nobody"


def test_tables_that_other_code_has_made_are_out_of_date(run_shop: CommandLine) -> None:
    tamper(run_shop)
    status = run_shop.sagaline("status", "--json")
    assert status.status == 1
    assert len(status.json["tables_out_of_date"]) == 7
    assert run_shop.sagaline("rebuild").status == 0
    status = run_shop.sagaline("status", "--json")
    assert (status.status, status.json["tables_out_of_date"]) == (0, [])


def test_the_tables_that_are_out_of_date_are_rebuilt_by_one_option(run_shop: CommandLine) -> None:
    none = run_shop.sagaline("rebuild", "--outdated")
    assert (none.status, none.output) == (0, "No table is out of date.\n")
    assert run_shop.sagaline("rebuild", "--outdated", "--json").json == []
    tamper(run_shop)
    assert run_shop.sagaline("rebuild", "order_list").status == 0
    compared = run_shop.sagaline("rebuild", "--outdated", "--verify", "--json")
    assert (compared.status, len(compared.json)) == (0, 6)
    said = run_shop.sagaline("rebuild", "--outdated", "--json")
    assert (said.status, len(said.json)) == (0, 6)
    assert "order_list" not in {each["view"] for each in said.json}
    assert run_shop.sagaline("status", "--json").json["tables_out_of_date"] == []


def test_a_run_ends_beside_a_table_that_is_out_of_date_and_names_it_with_the_cure(
    run_shop: CommandLine,
) -> None:
    tamper(run_shop)
    another = json_lines([order("00000000-0000-4000-8000-000000000077")])
    assert run_shop.application("place", "-", input=another).status == 0
    said = run_shop.sagaline("run", "--until-settled", "--json")
    assert (said.status, said.json["settled"]) == (1, True)
    assert len(said.json["tables_out_of_date"]) == 7
    assert "order_list: the table is out of date" in said.errors
    cure = "see `sagaline rebuild --outdated`"
    for command in (["run", "--until-settled"], ["status"], ["check"]):
        again = run_shop.sagaline(*command)
        assert (again.status, cure in again.output) == (1, True)
    status = run_shop.sagaline("status", "--json").json["followers"]
    states = {each["follower"]: each["state"] for each in status}
    assert (states["order_list"], states["OrderFulfilment"]) == ("outdated", "idle")
    assert run_shop.sagaline("rebuild", "--outdated").status == 0
    settled = run_shop.sagaline("run", "--until-settled")
    assert (settled.status, settled.errors.count("\n")) == (0, 2)
    assert len(run_shop.application("orders", "--json").json) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing"], "no read model nothing"),
        (["--outdated", "order_list"], "excludes VIEW"),
        (["--outdated", "--rollback"], "excludes VIEW and --rollback"),
        (["order_list", "--rollback"], "no earlier table"),
        (["--verify", "--rollback"], "excludes --verify"),
    ],
)
def test_wrong_names_and_options_of_a_rebuild_are_wrong_usage(
    run_shop: CommandLine, arguments: list[str], reason: str
) -> None:
    said = run_shop.sagaline("rebuild", *arguments)
    assert said.status == 2
    assert reason in said.errors


def test_the_second_of_two_rebuilds_is_refused_in_one_line(run_shop: CommandLine) -> None:
    said: list[Said] = []

    def progress(view: str, passed: int, total: int) -> None:
        if not said:
            said.append(run_shop.sagaline("rebuild", view))

    env = {"SQLALCHEMY_URL": str(run_shop.store)}
    (done,) = rebuild(system, env, ["order_list"], progress=progress)
    assert (done.view, done.rows) == ("order_list", 1)
    (second,) = said
    assert (second.status, second.output) == (2, "")
    assert second.errors.startswith(
        "sagaline: order_list is being rebuilt or verified by another process"
    )
    assert second.errors.count("\n") == 1


def test_a_rebuild_creates_no_store(sqlite_shop: CommandLine) -> None:
    assert sqlite_shop.sagaline("rebuild").status == 2
    assert not list(sqlite_shop.folder.parent.glob("*.db"))


@pytest.mark.parametrize(
    ("options", "what_it_means"),
    [([], "the next one continues it"), (["--verify"], "nothing is known")],
)
def test_a_rebuild_that_a_signal_stops_prints_a_note(
    run_shop: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    what_it_means: str,
) -> None:
    monkeypatch.setattr(ShadowTable, "_catch_up", lambda _: signal.raise_signal(signal.SIGTERM))
    with exit_on_signals():
        said = run_shop.sagaline("rebuild", *options)
    assert said == Said(0, "", f"sagaline: stopped; {what_it_means}\n")
    monkeypatch.undo()
    assert run_shop.sagaline("rebuild", "--verify").status == 0
