"""Steps that are requested once for each item, as the saga alone decides."""

import pytest

from sagaline import DefinitionError, Saga, State, at_least, step_for_each
from sagaline.saga.interventions import Operator
from sagaline.saga.state import StepStatus
from sagaline.testing import given, happened
from sagaline.testing.given.sagas import GivenSaga
from tests.sagas.picnic import (
    AllDishes,
    BringDish,
    CallOff,
    Dish,
    Eat,
    FirstDish,
    Picnic,
    TakeDishHome,
    TwoAtOnce,
    WhateverComes,
    host_of,
)


def planned(saga: type[Saga], *dishes: str) -> GivenSaga:
    return given(saga, happened(Picnic.Planned, host="Ada", dishes=dishes))


def bring(dish: str) -> BringDish:
    return BringDish(host="Ada", dish=dish)


def take_home(dish: str) -> TakeDishHome:
    return TakeDishHome(host="Ada", dish=dish)


def eat(*dishes: str) -> Eat:
    return Eat(host="Ada", dishes=dishes)


def brought(story: GivenSaga, *items: int) -> GivenSaga:
    for each in items:
        story = story.when_answered(f"bring[{each}]", Dish.Brought)
    return story


def burnt(story: GivenSaga, item: int) -> GivenSaga:
    return story.when_answered(f"bring[{item}]", Dish.Burnt, reason="it is burnt")


def test_each_item_is_requested_and_the_next_step_waits_for_all_of_them() -> None:
    story = planned(AllDishes, "soup", "cake").then(bring("soup"), bring("cake"))
    story = brought(story, 1).then_nothing()
    brought(story, 0).then(eat("soup", "cake")).when(Picnic.Eaten).then_ends(State.COMPLETED)


def test_no_items_are_done_at_once() -> None:
    planned(AllDishes).then(eat())


def test_an_item_that_occurs_twice_is_requested_twice() -> None:
    story = planned(AllDishes, "soup", "soup").then(bring("soup"), bring("soup"))
    ids = {each.command.id for each in story.events if hasattr(each, "command")}
    assert len(ids) == 2
    brought(story, 0, 1).then(eat("soup", "soup"))


def test_a_refused_item_undoes_exactly_the_items_that_were_done() -> None:
    story = burnt(brought(planned(AllDishes, "soup", "cake", "pie"), 0), 1)
    story = story.then_nothing()
    story = brought(story, 2).then(take_home("pie"), take_home("soup"))
    story = story.when_answered("bring[0]", Dish.TakenHome).then_nothing()
    story = story.when_answered("bring[2]", Dish.TakenHome)
    story.then(CallOff(host="Ada", reason="it is burnt")).then_ends(State.COMPENSATED)


def test_an_item_without_an_answer_in_time_is_undone_with_the_others() -> None:
    story = brought(planned(AllDishes, "soup", "cake"), 0).when_time_runs_out("bring[1]")
    story.then(take_home("cake"), take_home("soup"))


def test_no_more_items_are_requested_than_may_run_at_the_same_time() -> None:
    story = planned(TwoAtOnce, "soup", "cake", "pie").then(bring("soup"), bring("cake"))
    story = brought(story, 1).then(bring("pie"))
    story = brought(story, 0).then_nothing()
    brought(story, 2).then(eat("soup", "cake", "pie"))


def test_fewer_items_are_enough_where_the_saga_says_so() -> None:
    story = planned(TwoAtOnce, "soup", "cake", "pie")
    story = brought(burnt(story, 0), 1)
    brought(story, 2).then(eat("cake", "pie"))


def test_too_few_items_turn_the_saga_round() -> None:
    story = burnt(planned(TwoAtOnce, "soup", "cake", "pie"), 0)
    story = burnt(story, 1)
    brought(story, 2).then(take_home("pie"))
    planned(TwoAtOnce, "soup").then_ends(
        State.COMPENSATED, "bring: 1 items, and at least 2 must be done"
    )


def test_an_item_of_unknown_outcome_is_undone_while_the_saga_goes_on() -> None:
    story = brought(planned(TwoAtOnce, "soup", "cake", "pie"), 0).when_time_runs_out("bring[1]")
    story = story.then(take_home("cake"))
    story = brought(story, 2).then_nothing()
    story.when_answered("bring[1]", Dish.TakenHome).then(eat("soup", "pie"))


def test_two_items_of_unknown_outcome_at_the_same_time_are_counted_both() -> None:
    story = planned(TwoAtOnce, "soup", "cake", "pie").when_time_runs_out("bring[0]")
    story = story.when_time_runs_out("bring[1]")
    assert story.journal.compensating


def test_the_other_items_are_requested_only_in_place_of_failed_ones() -> None:
    story = planned(FirstDish, "soup", "cake", "pie").then(bring("soup"))
    brought(story, 0).then(eat("soup"))
    story = burnt(story, 0).then(bring("cake"))
    brought(story, 1).then(eat("cake"))
    story = story.when_time_runs_out("bring[1]").then(take_home("cake"), bring("pie"))
    story = brought(story, 2).then_nothing()
    story.when_answered("bring[1]", Dish.TakenHome).then(eat("pie"))


def test_what_failed_is_collected_where_any_number_is_enough() -> None:
    story = burnt(planned(WhateverComes, "soup", "cake"), 1)
    brought(story, 0).then(eat("it is burnt"))


def test_an_item_whose_undo_is_stuck_parks_the_saga_until_it_is_skipped() -> None:
    story = brought(planned(TwoAtOnce, "soup", "cake", "pie"), 0).when_time_runs_out("bring[1]")
    story = brought(story, 2)
    while story.journal.state is not State.PARKED:
        story = story.when_fault("bring[1]")
        if story.journal.steps["bring[1]"].pausing:
            story = story.when_pause_ends("bring[1]")
    assert story.journal.steps["bring[1]"].status is StepStatus.UNDO_STUCK
    story.when_operator(lambda saga: saga.skip("bring[1]", Operator("Eve", "eaten"))).then(
        eat("soup", "pie")
    )


def test_an_answer_that_names_no_command_is_heard_where_one_item_waits_for_it() -> None:
    story = planned(AllDishes, "soup", "cake")
    ignored = story.when(Dish.Brought, dish="cake").then_nothing()
    assert ignored.events[-1].reason == (
        "it names no command, and 2 steps or items wait for it: bring[0], bring[1]"
    )
    brought(story, 0).when(Dish.Brought, dish="cake").then(eat("soup", "cake"))


def test_what_is_left_names_many_items_in_one() -> None:
    story = brought(planned(AllDishes, *map(str, range(9))), 4)
    seen: list[str] = []
    story.when_operator(lambda saga: seen.extend([*saga.remaining(), saga.waits()]))
    assert seen == ["bring", "eat", "waits for the answer to bring (8 items)"]


def test_a_function_that_fits_no_saga_or_no_item_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is called with"):
        step_for_each(lambda: (), done=Dish.Brought)  # type: ignore[misc, arg-type]
    with pytest.raises(DefinitionError, match="no number of items"):
        step_for_each(lambda saga: (), done=Dish.Brought, at_once=0)
    with pytest.raises(DefinitionError, match="no number of items"):
        at_least(0)
    with pytest.raises(DefinitionError, match=r"it is called with \(self, item\)"):

        class NoItem(Saga, starts_on=Picnic.Planned, key=host_of):
            @step_for_each(lambda saga: (), done=Dish.Brought)
            def bring(self) -> BringDish:
                raise NotImplementedError
