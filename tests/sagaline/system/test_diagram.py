"""Diagrams: what a saga may do, drawn from what it declares."""

from itertools import pairwise

from sagaline.system.diagram import saga_diagram
from tests.sagas.party import GiveParty
from tests.sagas.trip import BookTrip
from tests.trips.plan_trip import PlanTrip


def arrows(drawn: str, start: str) -> list[str]:
    """Where it goes from one of its nodes, and by what."""
    lines = (line.strip() for line in drawn.splitlines())
    return [line.removeprefix(start).strip() for line in lines if line.startswith(f"{start} ")]


def test_steps_that_run_side_by_side_are_drawn_side_by_side() -> None:
    drawn = saga_diagram(PlanTrip)
    together = ("book_flight", "book_room", "rent_car")
    assert arrows(drawn, "start_") == [f"--> {each}" for each in together]
    for each in together:
        (forward,) = (arrow for arrow in arrows(drawn, each) if arrow.startswith("-->"))
        assert forward.endswith("| insure")


def test_what_is_refused_beside_others_turns_round_to_the_last_that_has_begun() -> None:
    drawn = saga_diagram(PlanTrip)
    assert '-.->|"Flight.Refused"| return_car' in arrows(drawn, "book_flight")
    assert '-.->|"Car.Refused"| cancel_room' in arrows(drawn, "rent_car")
    assert '-.->|"no answer in 10 min"| return_car' in arrows(drawn, "rent_car")
    undone = ["return_car", "cancel_room", "cancel_flight", "cancel_trip"]
    for undo, after in pairwise(undone):
        assert arrows(drawn, undo)[0].endswith(f"| {after}")


def test_a_step_that_may_be_skipped_says_so() -> None:
    assert 'insure["insure<br/>Insure, or nothing"]' in saga_diagram(PlanTrip)
    assert ", or nothing" not in saga_diagram(BookTrip)


def test_the_last_word_of_a_good_end_is_drawn_before_it() -> None:
    drawn = saga_diagram(GiveParty)
    assert 'toast["toast<br/>Toast, or nothing"]' in drawn
    assert arrows(drawn, "toast") == ["--> completed_"]
    assert [line for line in drawn.splitlines() if line.endswith("| toast")]
    assert [line for line in drawn.splitlines() if line.endswith(" completed_")] == [
        "    toast --> completed_"
    ]
