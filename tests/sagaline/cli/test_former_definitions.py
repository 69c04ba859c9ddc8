"""What the command line says of instances that go on by a former definition of their saga."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from sagaline import Runner
from tests.cli.command_line import CommandLine
from tests.sagaline.journeys import BEFORE, BESIDE, WITHOUT, Travel, Want, forget_topics, loaded

TRIP = str(UUID(int=1))


@pytest.fixture
def deploy(run: CommandLine, tmp_path: Path, store_url: str) -> Callable[[str], CommandLine]:
    """Commands of a deployment's code, on a store with an instance of the former definition."""
    with Runner(loaded(tmp_path, BEFORE).system, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Travel).want(Want(trip_id=UUID(TRIP)))
        runner.settle(horizon=0)
    forget_topics()
    deployed = run.given(SAGALINE_APP="journeys_code:system", SAGALINE_STORE=store_url)

    def on(code: str) -> CommandLine:
        (run.folder / "journeys_code.py").write_text(code, "utf-8")
        return deployed

    return on


def test_show_names_the_former_definition_that_an_instance_goes_on_by(
    deploy: Callable[[str], CommandLine],
) -> None:
    shown = deploy(BESIDE).sagaline("sagas", "show", TRIP, "--json").json
    assert (shown["definition"], shown["is_former_definition"]) == ("BookBefore", True)
    assert (shown["in_the_way"], shown["remaining"]) == ("", ["agree", "pay"])
    assert "BookBefore, a former one" in deploy(BESIDE).sagaline("sagas", "show", TRIP).output
    before = deploy(BEFORE).sagaline("sagas", "show", TRIP, "--json").json
    assert (before["definition"], before["is_former_definition"]) == ("Book", False)


def test_check_says_when_a_former_class_may_go(deploy: Callable[[str], CommandLine]) -> None:
    beside = deploy(BESIDE)
    said = beside.sagaline("check", "--json")
    former = {"saga": "Book", "definition": "BookBefore", "open": 1}
    assert (said.status, said.json["former_definitions"]) == (0, [former])
    assert "BookBefore of Book: 1 open" in beside.sagaline("check").output
    assert beside.sagaline("sagas", "cancel", TRIP).status == 0
    assert beside.sagaline("run", "--until-settled").status == 0
    assert "BookBefore of Book: none open, so its class may go" in beside.sagaline("check").output


def test_an_operator_acts_on_an_instance_of_a_former_definition(
    deploy: Callable[[str], CommandLine],
) -> None:
    beside = deploy(BESIDE)
    asked = beside.sagaline("sagas", "query", TRIP, "wants")
    assert (asked.status, asked.output.strip()) == (0, "an agreement")
    assert "It hears: Agree." in beside.sagaline("sagas", "signal", TRIP, "Confirm").errors
    dry = beside.sagaline("sagas", "cancel", "--saga", "Book", "--step", "agree", "--dry-run")
    assert (dry.status, dry.errors) == (0, "cancel: would be done to 1, refused for 0.\n")
    assert beside.sagaline("sagas", "signal", TRIP, "Agree").status == 0
    assert beside.sagaline("run", "--until-settled").status == 0
    assert beside.sagaline("sagas", "show", TRIP, "--json").json["state"] == "completed"


def test_without_the_former_class_the_run_names_the_cure(
    deploy: Callable[[str], CommandLine],
) -> None:
    refused = deploy(WITHOUT).sagaline("run", "--until-settled")
    assert refused.status == 2
    assert "or keep the former class with @version" in refused.errors
