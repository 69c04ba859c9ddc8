"""`fault_matrix` of a system: sagas that share a key, or are steps of others, played together."""

from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import pytest
from typing_extensions import override

from sagaline import System
from sagaline.application.saga_handling import SagaHandling
from sagaline.errors import WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.retry import minutes
from sagaline.saga import engine
from sagaline.saga.declaration import Declaration
from sagaline.saga.instance import Journal
from sagaline.saga.matching import Match
from sagaline.saga.state import Role
from sagaline.saga.step_timers import Timing
from sagaline.testing import SimulatedParticipant, fault_matrix, happened
from sagaline.testing.fault_matrix.story import Crash, Place, Story, shrunk
from sagaline.testing.fault_matrix.story_run import Played, StoryRun
from sagaline.testing.given.example_values import example_event
from sagaline.testing.given.happened import SOMEONE
from sagaline.testing.simulation.faults import DOWN, FAULTED, REFUSED, SLOW
from sagaline.testing.simulation.scripted_attempt import FaultPoint
from sagaline.testing.simulation.simulated_application import simulated_system
from sagaline.testing.simulation.system_run import Part, SystemRun
from tests.sagas.approval import TWO_SAGAS
from tests.sagas.holiday import Holiday, HolidayBooking, holidays
from tests.sagas.insurance import Fulfil, Insure, Order, Shop, insured
from tests.sagas.trip import BookTrip

pytestmark = pytest.mark.slow

TWO_JOURNEYS = happened(Holiday.Planned, traveller="Ada", journeys=("Rome", "Bern"))
PLACED = example_event(happened(Order.Placed))
TAKE = FaultPoint("take", Role.DO)


def report_of(system: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as failure:
        fault_matrix(system, **options)
    return str(failure.value)


def test_sagas_that_hear_the_same_events_for_one_key_pass() -> None:
    matrix = fault_matrix(insured, stories=120)
    assert matrix.cases + matrix.crashes == 120
    assert matrix.crashes > 30
    assert matrix.left_out > 1_000
    assert f"{matrix.left_out:,} were left out" in str(matrix)


@pytest.mark.no_cover
def test_a_system_of_a_parent_and_its_children_passes() -> None:
    assert fault_matrix(holidays, start=TWO_JOURNEYS, stories=90).left_out


@pytest.mark.no_cover
def test_a_saga_is_played_with_the_sagas_that_are_its_steps() -> None:
    assert fault_matrix(HolidayBooking, stories=30).cases == 30


@pytest.mark.no_cover
def test_a_system_where_one_saga_waits_for_what_another_does_passes() -> None:
    assert fault_matrix(TWO_SAGAS, stories=50).left_out


def test_a_budget_bounds_the_stories_of_one_saga_too() -> None:
    few = fault_matrix(BookTrip, stories=5)
    assert (few.cases, few.crashes) == (5, 0)
    assert few.left_out > 50


def match_by_class(
    declaration: Declaration, journal: Journal, event: Any, request: UUID | None
) -> Match | str:
    """The rule before answers named their command: an event answers by its key and its class."""
    meaning = declaration.meanings[type(event)]
    meanings = declaration.answers.get(meaning, ()) if meaning is not None else ()
    return Match(*meanings[0]) if meanings else "it answers no step"


@pytest.fixture
def _answers_are_matched_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "answered", match_by_class)
    monkeypatch.setattr(SagaHandling, "_is_reply_to_another", lambda *_: False)


@pytest.mark.usefixtures("_answers_are_matched_by_class")
def test_a_saga_that_takes_the_answer_of_another_for_its_own_is_found() -> None:
    report = report_of(insured, stories=120)
    story, _, rest = report.partition("\n\nWhat happened:\n")
    assert "The least that still fails:\n  Order.Placed happens\n  " in story
    assert len(story.splitlines()) <= 3, "one start, and one fault"
    assert "Insure" in rest
    assert "Fulfil" in rest


@pytest.mark.usefixtures("_answers_are_matched_by_class")
def test_the_story_is_the_same_for_the_same_seed() -> None:
    assert report_of(insured, stories=20, seed=7) == report_of(insured, stories=20, seed=7)


def test_a_child_that_does_not_hear_its_time_limit_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def is_reply(_: Any, journal: Journal | None, __: Any, request: UUID | None) -> bool:
        return request is not None and (journal is None or request not in journal.requests)

    monkeypatch.setattr(SagaHandling, "_is_reply_to_another", is_reply)
    report = report_of(holidays, stories=60)
    assert "the saga waits forever for the answer to hold" in report
    assert "JourneyBooking fails: NotStorable" in report


class ForgetsTheKey(SimulatedParticipant):
    """The same command has another effect each time."""

    @override
    def do(self, command: Command) -> bool:
        return self.effects.perform(self.name, uuid4())


def test_participants_of_a_system_are_replaced_by_saga_and_step() -> None:
    report = report_of(insured, stories=80, participants={"Insure.take": ForgetsTheKey})
    assert f"  Insure {SOMEONE}: the effect of take is duplicated: performed twice" in report
    assert "Fulfil" not in report.partition("What is wrong:")[2]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"participants": {"take": ForgetsTheKey}},
            "no saga of the system insured has a step take",
        ),
        ({"timings": {"take": Timing(minutes(1))}}, "the system insured has times of its own"),
    ],
)
def test_what_a_system_cannot_use_is_refused(options: Any, problem: str) -> None:
    with pytest.raises(WrongCall, match=problem):
        fault_matrix(insured, **options)


def test_a_system_without_sagas_is_refused() -> None:
    with pytest.raises(WrongCall, match="the system alone has no saga"):
        fault_matrix(System("alone", applications=[Shop]))


def test_a_story_is_shrunk_to_what_it_needs_to_fail() -> None:
    one, other = (Place(name, "1", TAKE) for name in ("Fulfil", "Insure"))
    faults = {one: (SLOW,), other: (FAULTED, DOWN)}
    story = Story([PLACED, "more"], faults, Crash(3, before=True))

    def fails(tried: Story) -> bool:
        return bool(tried.faults.get(other)) and PLACED in tried.starts

    least = shrunk(story, fails)
    assert least.lines() == ["Order.Placed happens", "Insure 1: take faults without effect"]


def test_a_story_names_the_commit_where_everything_crashes() -> None:
    story = Story([PLACED], crash=Crash(3, before=False))
    assert story.lines()[-1] == "everything crashes after commit 3"


def play(*fault: Any) -> Played:
    parts = [Part(each, {}, {}) for each in (Fulfil, Insure)]
    system = simulated_system("played", [Fulfil, Insure], {})
    with closing(SystemRun(system, parts)) as run:
        faults = {Place("Insure", str(SOMEONE), TAKE): fault}
        return StoryRun(run).play(Story([PLACED], faults))


def test_a_refusal_reaches_the_saga_that_has_asked_alone() -> None:
    ends = play(REFUSED).ends
    assert {saga: end.value for (saga, _), end in ends.items()} == {
        "Fulfil": "completed",
        "Insure": "compensated",
    }


def test_a_fault_leaves_no_trace_in_the_saga_that_has_not_asked() -> None:
    lines = [each.strip() for each in play(FAULTED).transcript.lines()]
    heard = [each for each in lines if "faults" in each]
    assert heard == [f"Insure {SOMEONE}: Take faults: take faults"]
