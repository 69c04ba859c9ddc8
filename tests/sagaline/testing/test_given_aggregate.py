"""The aggregate test kit reports what was expected and what happened."""

from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event

from sagaline.testing import given, happened
from sagaline.testing.given.aggregates import SOMEONE


class DoorLocked(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key} does not fit")
        self.key = key


class Door(Aggregate):
    class Built(Aggregate.Created):
        colour: str

    class Opened(Aggregate.Event):
        by: str

    @event(Built)
    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.is_open = False

    def open(self, by: str) -> None:
        if by == "burglar":
            raise DoorLocked("of wire")
        self._open(by)

    def paint(self, colour: str) -> None:
        self.colour = colour

    @event(Opened)
    def _open(self, by: str) -> None:
        self.is_open = True


built = happened(Door.Built, colour="red")


def test_history_may_be_told_or_done_or_be_events() -> None:
    event_itself = built.sealed(Door, SOMEONE, 1)
    given(Door, event_itself, happened(Door.Opened, by="me")).when(Door.open, "you").then(
        Door.Opened, originator_version=3, originator_id=SOMEONE
    )
    given(Door, lambda: Door("red"), lambda door: door.open("me")).when(Door.open, "you").then(
        Door.Opened, originator_version=3
    )


def test_one_history_serves_several_questions() -> None:
    door = given(Door, built)
    door.when(Door.open, "me").then(Door.Opened).with_state(is_open=True)
    door.when(Door.open, "burglar").then_raises(DoorLocked, key="of wire").with_state(is_open=False)


def test_several_events_are_told_in_order() -> None:
    def twice(door: Door) -> None:
        door.open("me")
        door.open("you")

    (
        given(Door, built)
        .when(twice)
        .then(happened(Door.Opened, by="me"), happened(Door.Opened, by="you"))
    )


def test_nothing_may_be_what_comes() -> None:
    given(Door, built).when(lambda door: None).then_nothing()
    with pytest.raises(AssertionError, match="Opened"):
        given(Door, built).when(Door.open, "me").then_nothing()


def failure(check: Any) -> str:
    with pytest.raises(AssertionError) as failed:
        check()
    return str(failed.value)


def test_another_field_is_told_side_by_side() -> None:
    told = failure(lambda: given(Door, built).when(Door.open, "me").then(Door.Opened, by="you"))
    assert told.splitlines() == [
        "Other events than expected.",
        "expected:",
        "  Door.Opened(by='you')",
        "came:",
        "  Door.Opened(by='me')",
    ]


def test_an_error_instead_of_an_event_is_told_with_its_cause() -> None:
    with pytest.raises(AssertionError, match="raises DoorLocked: the key of wire") as failed:
        given(Door, built).when(Door.open, "burglar").then(Door.Opened)
    assert isinstance(failed.value.__cause__, DoorLocked)


def test_an_event_instead_of_an_error_is_told() -> None:
    told = failure(lambda: given(Door, built).when(Door.open, "me").then_raises(DoorLocked))
    assert "raises DoorLocked()" in told
    assert "Door.Opened(by='me')" in told


def test_an_error_with_other_facts_is_told() -> None:
    burglar = given(Door, built).when(Door.open, "burglar")
    assert "key='of gold'" in failure(lambda: burglar.then_raises(DoorLocked, key="of gold"))
    assert "of wire" in failure(lambda: burglar.then_raises(DoorLocked, colour="red"))


def test_another_state_is_told() -> None:
    opened = given(Door, built).when(Door.open, "me")
    assert "is_open=True" in failure(lambda: opened.with_state(is_open=False))


def test_state_that_no_event_explains_is_a_failure() -> None:
    told = failure(lambda: given(Door, built).when(Door.paint, "blue").then_nothing())
    assert "changed without one" in told


def test_a_field_that_the_event_does_not_have_is_a_mistake_of_the_test() -> None:
    with pytest.raises(TypeError, match="no field 'who': by"):
        given(Door, built).when(Door.open, "me").then(Door.Opened, who="me")
    with pytest.raises(TypeError, match="several"):
        given(Door, built).when(Door.open, "me").then(Door.Opened, Door.Opened, by="me")


def test_what_is_no_history_is_a_mistake_of_the_test() -> None:
    with pytest.raises(TypeError, match="is no history"):
        given(Door, "built")
    with pytest.raises(TypeError, match="UUID is no aggregate, no saga and no read model"):
        given(UUID)
