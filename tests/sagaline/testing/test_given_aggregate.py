"""`given(AggregateClass)`: expectations about events and errors, and their failure messages."""

from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event

from sagaline.testing import given, happened
from sagaline.testing.given.happened import SOMEONE


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


def test_history_is_declared_events_or_functions_or_events() -> None:
    event_itself = built.to_event(Door, SOMEONE, 1)
    given(Door, event_itself, happened(Door.Opened, by="me")).when(Door.open, "you").then(
        Door.Opened, originator_version=3, originator_id=SOMEONE
    )
    given(Door, lambda: Door("red"), lambda door: door.open("me")).when(Door.open, "you").then(
        Door.Opened, originator_version=3
    )


def test_one_history_continues_in_several_ways() -> None:
    door = given(Door, built)
    door.when(Door.open, "me").then(Door.Opened).with_state(is_open=True)
    door.when(Door.open, "burglar").then_raises(DoorLocked, key="of wire").with_state(is_open=False)


def test_several_events_are_expected_in_order() -> None:
    def twice(door: Door) -> None:
        door.open("me")
        door.open("you")

    (
        given(Door, built)
        .when(twice)
        .then(happened(Door.Opened, by="me"), happened(Door.Opened, by="you"))
    )


def test_then_nothing_refuses_new_events() -> None:
    given(Door, built).when(lambda door: None).then_nothing()
    with pytest.raises(AssertionError, match="Opened"):
        given(Door, built).when(Door.open, "me").then_nothing()


def failure(check: Any) -> str:
    with pytest.raises(AssertionError) as failed:
        check()
    return str(failed.value)


def test_a_failure_shows_both_lists_of_events() -> None:
    message = failure(lambda: given(Door, built).when(Door.open, "me").then(Door.Opened, by="you"))
    assert message.splitlines() == [
        "Unexpected events.",
        "expected:",
        "  Door.Opened(by='you')",
        "actual:",
        "  Door.Opened(by='me')",
    ]


def test_an_error_instead_of_an_event_is_chained() -> None:
    with pytest.raises(AssertionError, match="raises DoorLocked: the key of wire") as failed:
        given(Door, built).when(Door.open, "burglar").then(Door.Opened)
    assert isinstance(failed.value.__cause__, DoorLocked)


def test_a_failure_shows_an_event_instead_of_an_error() -> None:
    message = failure(lambda: given(Door, built).when(Door.open, "me").then_raises(DoorLocked))
    assert "raises DoorLocked()" in message
    assert "Door.Opened(by='me')" in message


def test_a_failure_shows_an_error_with_other_attributes() -> None:
    burglar = given(Door, built).when(Door.open, "burglar")
    assert "key='of gold'" in failure(lambda: burglar.then_raises(DoorLocked, key="of gold"))
    assert "of wire" in failure(lambda: burglar.then_raises(DoorLocked, colour="red"))


def test_a_failure_shows_another_state() -> None:
    opened = given(Door, built).when(Door.open, "me")
    assert "is_open=True" in failure(lambda: opened.with_state(is_open=False))


def test_state_changed_without_an_event_fails() -> None:
    message = failure(lambda: given(Door, built).when(Door.paint, "blue").then_nothing())
    assert "changed without an event" in message


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="no field 'who': by"):
        given(Door, built).when(Door.open, "me").then(Door.Opened, who="me")
    with pytest.raises(TypeError, match="several"):
        given(Door, built).when(Door.open, "me").then(Door.Opened, Door.Opened, by="me")


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(TypeError, match="Pass events, happened"):
        given(Door, "built")
    with pytest.raises(TypeError, match="it is given UUID"):
        given(UUID)
