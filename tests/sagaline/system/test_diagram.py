"""Diagrams of sagas: their steps, compensation and ends."""

from itertools import pairwise

from sagaline.system.saga_diagram import saga_diagram
from tests.sagas.party import GiveParty
from tests.sagas.trip import BookTrip
from tests.trips.plan_trip import PlanTrip


def arrows(drawn: str, start: str) -> list[str]:
    """The arrows from a node, with their labels."""
    lines = (line.strip() for line in drawn.splitlines())
    return [line.removeprefix(start).strip() for line in lines if line.startswith(f"{start} ")]


def test_parallel_steps_start_from_one_node() -> None:
    drawn = saga_diagram(PlanTrip)
    together = ("book_flight", "book_room", "rent_car")
    assert arrows(drawn, "start_") == [f"--> {each}" for each in together]
    for each in together:
        (forward,) = (arrow for arrow in arrows(drawn, each) if arrow.startswith("-->"))
        assert forward.endswith("| insure")


def test_a_refused_parallel_step_leads_to_the_undo_of_the_last_step_that_started() -> None:
    drawn = saga_diagram(PlanTrip)
    assert '-.->|"Flight.Refused"| return_car' in arrows(drawn, "book_flight")
    assert '-.->|"Car.Refused"| cancel_room' in arrows(drawn, "rent_car")
    assert '-.->|"no answer in 10 min"| return_car' in arrows(drawn, "rent_car")
    undone = ["return_car", "cancel_room", "cancel_flight", "cancel_trip"]
    for undo, after in pairwise(undone):
        assert arrows(drawn, undo)[0].endswith(f"| {after}")


def test_a_conditional_step_is_labelled() -> None:
    assert 'insure["insure<br/>Insure, or nothing"]' in saga_diagram(PlanTrip)
    assert ", or nothing" not in saga_diagram(BookTrip)


def test_the_closing_command_is_drawn_before_the_end() -> None:
    drawn = saga_diagram(GiveParty)
    assert 'toast["toast<br/>Toast, or nothing"]' in drawn
    assert arrows(drawn, "toast") == ["--> completed_"]
    assert [line for line in drawn.splitlines() if line.endswith("| toast")]
    assert [line for line in drawn.splitlines() if line.endswith(" completed_")] == [
        "    toast --> completed_"
    ]
