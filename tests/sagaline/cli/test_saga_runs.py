"""`sagaline sagas` for a key that has had several runs."""

import pytest

from sagaline.saga.instance import journal_id
from tests.cli.command_line import CommandLine
from tests.sagaline.restock import SKU, shop_on

FIRST, LAST = (str(journal_id("Restock", SKU, run)) for run in (1, 3))


@pytest.fixture
def restocked(run: CommandLine, store_url: str) -> CommandLine:
    """Tea ran low three times: the last run waits for its goods."""
    with shop_on(store_url) as shop:
        shop.run_low()
        shop.run_low()
        shop.run_low("bad")
    return run.given(SAGALINE_APP="tests.sagaline.restock:system", SAGALINE_STORE=store_url)


def test_show_prints_the_last_run_and_names_the_earlier_ones(restocked: CommandLine) -> None:
    found = restocked.sagaline("sagas", "show", SKU, "--json").json
    assert (found["saga_id"], found["run"], found["runs"]) == (LAST, 3, 3)
    assert (found["state"], found["key"]) == ("running", SKU)
    assert "3 of 3: --run N shows another" in restocked.sagaline("sagas", "show", SKU).output


def test_show_prints_an_earlier_run_by_its_number_or_its_id(restocked: CommandLine) -> None:
    by_number = restocked.sagaline("sagas", "show", SKU, "--run", "1", "--json").json
    assert by_number == restocked.sagaline("sagas", "show", FIRST, "--json").json
    assert (by_number["run"], by_number["runs"], by_number["state"]) == (1, 3, "completed")
    second = restocked.sagaline("sagas", "show", FIRST, "--run", "2")
    assert "2 of 3" in second.output
    assert "completed" in second.output
    assert "run 3 of the saga begins" in restocked.sagaline("sagas", "show", FIRST).output


def test_a_run_that_never_was_is_refused(restocked: CommandLine) -> None:
    missing = restocked.sagaline("sagas", "show", SKU, "--run", "4")
    assert missing.status == 2
    assert f"{SKU}, run 4" in missing.errors


def test_list_has_a_line_for_each_run(restocked: CommandLine) -> None:
    rows = restocked.sagaline("sagas", "list", "--json").json
    assert sorted((each["key"], each["state"]) for each in rows) == [
        (SKU, "completed"),
        (SKU, "completed"),
        (SKU, "running"),
    ]


def test_actions_are_for_the_open_run(restocked: CommandLine) -> None:
    ended = restocked.sagaline("sagas", "abandon", FIRST, "--reason", "no need")
    assert ended.status == 2
    assert "it has ended, completed" in ended.errors
    done = restocked.sagaline("sagas", "abandon", SKU, "--reason", "no need", "--json")
    assert (done.status, done.json["saga_id"]) == (0, LAST)
    assert restocked.sagaline("sagas", "show", SKU, "--json").json["state"] == "abandoned"
