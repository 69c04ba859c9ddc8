"""A saga that is a step of another keeps its own time limits."""

from sagaline import State
from sagaline.testing import Scenario
from tests.sagas.holiday import HolidayBooking, JourneyBooking, PlanHoliday, holidays


def test_the_time_limit_of_a_child_expires_and_its_parent_ends() -> None:
    with Scenario(holidays) as scenario:
        scenario.gives(PlanHoliday(traveller="Ada", journeys=("slow train", "Rome"), price=100))
        scenario.then_waits("hold", key="slow train", saga=JourneyBooking)
        scenario.pass_time(minutes=5)
        scenario.then_ends(State.COMPENSATED, saga=JourneyBooking, key="slow train")
        scenario.then_ends(State.COMPENSATED, saga=JourneyBooking, key="Rome")
        scenario.then_ends(State.COMPENSATED, saga=HolidayBooking).then_no_timers()
