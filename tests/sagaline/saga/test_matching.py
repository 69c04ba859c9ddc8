"""An event that names no command answers the one step that waits for events of its class."""

from sagaline.saga.instance import Journal
from sagaline.testing import GivenSaga, given, happened
from tests.sagas.picnic import BringDish, Dish, Picnic, WithAlternatives

DISHES = happened(Picnic.Planned, host="Ada", dishes=("cake", "pie", "salad"))
BROUGHT = happened(Dish.Brought, host="Ada", dish="cake")


def reason_of(story: GivenSaga) -> str:
    """Why the last event was ignored."""
    ignored = story.events[-1]
    assert isinstance(ignored, Journal.Ignored)
    return ignored.reason


def test_it_answers_the_only_step_that_waits() -> None:
    story = given(WithAlternatives, DISHES).when(BROUGHT)
    story.then(BringDish(host="Ada", dish="salad"))


def test_it_answers_nothing_where_no_step_waits_for_it() -> None:
    story = given(WithAlternatives, DISHES).when(BROUGHT).when(BROUGHT).when(BROUGHT)
    assert reason_of(story) == "no step waits for it"
