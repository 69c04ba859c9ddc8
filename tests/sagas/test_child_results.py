"""What sagas hand to those that they are steps of, on both databases."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from sagaline import NO_EFFECT, PIVOT, DefinitionError, Runner, Saga, State, result, step, timeline
from sagaline.admin.entry import Entry
from sagaline.errors import WrongCall
from sagaline.testing import given, happened
from tests.sagas.removal import (
    Bill,
    ClearRoom,
    Drive,
    FindVan,
    Hire,
    Load,
    Movers,
    Moving,
    OrderRemoval,
    PackRoom,
    Removal,
    Room,
    RoomClearing,
    UnpackRoom,
    VanHire,
    family_of,
    removals,
    room_of,
)

ORDERED = happened(Removal.Ordered, family="Wu", rooms=("attic", "hall"))
HIRE = Hire(plate="RO 1", fee=Decimal("80.50"))


def test_a_parent_reads_what_its_children_hand_on() -> None:
    story = given(Moving, ORDERED).then(ClearRoom(room="attic"), ClearRoom(room="hall"))
    story = story.when_ended("clear[0]", State.COMPLETED, result=Load(5)).then_nothing()
    story = story.when_ended("clear[1]", State.COMPLETED, result=Load(4)).then(FindVan(family="Wu"))
    story = story.when_ended("find_van", State.COMPLETED, result=HIRE)
    story = story.then(Drive(family="Wu", plate="RO 1", boxes=9))
    story.when(Removal.Driven, family="Wu").then(Bill(family="Wu", text="RO 1: 80.50"))


def test_a_child_that_did_not_complete_hands_nothing_on() -> None:
    story = given(Moving, ORDERED)
    story = story.when_ended("clear[0]", State.COMPLETED, result=Load(5))
    story = story.when_ended("clear[1]", State.COMPENSATED, reason="locked")
    story.when_ended("clear[0]", State.COMPENSATED).then_ends(State.COMPENSATED, "locked")


def test_a_step_that_is_no_saga_does_not_end_as_one() -> None:
    with pytest.raises(TypeError, match=r"pack is no saga: write when_answered\('pack', \.\.\.\)"):
        given(RoomClearing, ClearRoom(room="hall")).when_ended("pack", State.COMPLETED)
    with pytest.raises(AssertionError, match="a command for find_van"):
        given(Moving, ORDERED).when_ended("find_van", State.COMPLETED, result=HIRE)


def test_a_step_that_hands_nothing_on_has_no_result() -> None:
    packed = given(RoomClearing, ClearRoom(room="hall")).when(Room.Packed, room="hall", boxes=4)
    with pytest.raises(WrongCall, match=r"the step is no saga\. Read self\.pack\.event\."):
        RoomClearing(packed.journal).pack.result  # noqa: B018  # reading it is what is refused

    class Emptying(Saga, starts_on=ClearRoom, key=room_of):
        pack = step(PackRoom, done=Room.Packed, kind=NO_EFFECT)

    class Selling(Saga, starts_on=Removal.Ordered, key=family_of):
        @step(done=Emptying, kind=PIVOT)
        def empty(self) -> ClearRoom:
            return ClearRoom(room="attic")

    ordered = given(Selling, ORDERED)
    with pytest.raises(WrongCall, match=r"Emptying hands nothing on\. Mark a method"):
        Selling(ordered.journal).empty.result  # noqa: B018  # reading it is what is refused


def move(runner: Runner, *rooms: str) -> list[Entry]:
    runner.get(Movers).execute_one(OrderRemoval(family="Wu", rooms=rooms))
    runner.settle(20)
    return timeline(runner.apps, "Wu")


def test_what_is_handed_on_is_in_the_log_of_the_child_and_of_its_parent(store_url: str) -> None:
    with Runner(removals, {"SQLALCHEMY_URL": store_url}) as runner:
        found = move(runner, "attic", "hall")
    (billed,) = [each.state for each in found if each.topic.endswith("Removal.Billed")]
    assert billed["text"] == "RO 1: 80.50"
    (driven,) = [each.state["command"] for each in found if each.topic.endswith(":Drive")]
    assert (driven["plate"], driven["boxes"]) == ("RO 1", 9)
    told = [each.state["result"] for each in found if each.topic == "sagaline:SagaReplied"]
    assert sorted(told) == ['{"boxes":4}', '{"boxes":5}', '{"plate":"RO 1","fee":"80.50"}']
    # Another process reads it from the log, as it was recorded.
    with Runner(removals, {"SQLALCHEMY_URL": store_url}) as runner:
        assert runner.query(VanHire, "Wu", VanHire.found) == HIRE
        assert runner.query(RoomClearing, "hall", RoomClearing.load) == Load(4)


def test_children_that_are_taken_back_hand_nothing_on(store_url: str) -> None:
    with Runner(removals, {"SQLALCHEMY_URL": store_url}) as runner:
        found = move(runner, "attic", "cellar")
    told = [each.state for each in found if each.topic == "sagaline:SagaReplied"]
    assert sorted((each["done"], each["result"]) for each in told) == [
        (False, ""),
        (True, ""),
        (True, '{"boxes":5}'),
    ]


def test_a_second_result_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Two\.second: a second @result"):

        class Two(Saga, starts_on=ClearRoom, key=room_of):
            pack = step(PackRoom, done=Room.Packed)
            unpack = pack.undo(UnpackRoom, done=Room.Unpacked)

            @result
            def first(self) -> int:
                return 1

            @result
            def second(self) -> int:
                return 2


def test_a_result_says_what_it_returns() -> None:
    with pytest.raises(DefinitionError, match="its return annotation names no value"):

        class Silent(Saga, starts_on=FindVan, key=family_of):
            pack = step(PackRoom, done=Room.Packed)
            unpack = pack.undo(UnpackRoom, done=Room.Unpacked)

            @result
            def found(self):  # type: ignore[no-untyped-def]
                return 1


def test_a_result_that_is_not_as_annotated_fails_in_the_child() -> None:
    class Wrong(Saga, starts_on=ClearRoom, key=room_of):
        pack = step(PackRoom, done=Room.Packed)
        unpack = pack.undo(UnpackRoom, done=Room.Unpacked)

        @result
        def boxes(self) -> int:
            return "many"  # type: ignore[return-value]

    saga = given(Wrong, ClearRoom(room="hall")).when(Room.Packed, room="hall", boxes=4)
    with pytest.raises(ValueError, match="Expected `int`"):
        Wrong.boxes.of(Wrong(saga.journal))
    with pytest.raises(ValidationError):
        Wrong.boxes.read('"many"')
