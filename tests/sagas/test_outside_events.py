"""Events of other applications that a running saga hears, on both databases."""

import pytest

from sagaline import Command, Runner, State, System, timeline
from sagaline.admin.entry import Entry
from sagaline.testing import fault_matrix, given, happened
from tests.sagas.voyage import (
    Assign,
    Clear,
    Fleet,
    Gale,
    Harbour,
    PlanVoyage,
    Port,
    Sail,
    SailOut,
    Voyage,
    Warn,
    Weather,
    assigned_voyages,
    voyages,
)

PLANNED = happened(Voyage.Planned, ship="Ark")
GALE = happened(Gale.Given, sea="North", ship="Ark", text="gale")
OSLO = happened(Harbour.Assigned, ship="Ark", harbour="Oslo")


def test_a_running_saga_hears_events_of_other_applications() -> None:
    story = given(SailOut, PLANNED).when(GALE).then_nothing().when(OSLO).then_nothing()
    story = story.when(Voyage.Cleared).then(Sail(ship="Ark", warnings=("gale",), harbour="Oslo"))
    story.when(GALE).then_nothing()


def test_an_event_after_the_end_is_recorded_and_changes_nothing() -> None:
    ended = given(SailOut, PLANNED, happened(Voyage.Cleared))
    ended = ended.when(Voyage.Sailed, warnings=(), harbour="home").then_ends(State.COMPLETED)
    ignored = ended.when(GALE).then_ends(State.COMPLETED).events[-1]
    assert (type(ignored).__name__, ignored.reason) == ("Ignored", "it has ended, completed")


def test_a_saga_that_hears_events_from_outside_passes_the_fault_matrix() -> None:
    assert fault_matrix(SailOut).cases > 10


def give(runner: Runner, *commands: Command) -> None:
    apps = {PlanVoyage: Fleet, Clear: Fleet, Warn: Weather, Assign: Port}
    for command in commands:
        runner.get(apps[type(command)]).execute_one(command)
        runner.settle(20)


def sailed(runner: Runner) -> list[tuple[list[str], str]]:
    found = [each.state for each in entries(runner) if each.topic.endswith("Voyage.Sailed")]
    return [(each["warnings"], each["harbour"]) for each in found]


def entries(runner: Runner) -> list[Entry]:
    return timeline(runner.apps, "Ark")


def test_an_event_reaches_the_saga_of_its_key_and_of_the_key_found_in_it(store_url: str) -> None:
    with Runner(voyages, {"SQLALCHEMY_URL": store_url}) as runner:
        give(runner, PlanVoyage(ship="Ark"), Warn(sea="North", ship="Ark", text="gale"))
        give(runner, Warn(sea="North", ship="Bounty", text="fog"))
        give(runner, Assign(ship="Ark", harbour="Bergen"), Assign(ship="Bounty", harbour="Rome"))
        give(runner, Clear(ship="Ark"))
        assert sailed(runner) == [(["gale"], "Bergen")]


def test_an_event_before_the_start_is_kept(store_url: str) -> None:
    with Runner(voyages, {"SQLALCHEMY_URL": store_url}) as runner:
        give(runner, Warn(sea="North", ship="Ark", text="gale"))
        give(runner, Assign(ship="Ark", harbour="Bergen"))
    with Runner(voyages, {"SQLALCHEMY_URL": store_url}) as runner:
        give(runner, PlanVoyage(ship="Ark"), Clear(ship="Ark"))
        assert sailed(runner) == [(["gale"], "Bergen")]


def test_an_event_that_comes_too_late_is_in_the_journal(store_url: str) -> None:
    with Runner(voyages, {"SQLALCHEMY_URL": store_url}) as runner:
        give(runner, PlanVoyage(ship="Ark"), Clear(ship="Ark"))
        give(runner, Warn(sea="North", ship="Ark", text="gale"))
        assert sailed(runner) == [([], "home")]
        (late,) = [each for each in entries(runner) if each.topic == "sagaline:EventIgnored"]
        assert late.state["reason"] == "it has ended, completed"


@pytest.mark.parametrize(("system", "harbour"), [(voyages, "home"), (assigned_voyages, "Oslo")])
def test_what_another_saga_has_led_to_is_heard(
    system: System, harbour: str, store_url: str
) -> None:
    with Runner(system, {"SQLALCHEMY_URL": store_url}) as runner:
        give(runner, PlanVoyage(ship="Ark"), Clear(ship="Ark"))
        assert sailed(runner) == [([], harbour)]
