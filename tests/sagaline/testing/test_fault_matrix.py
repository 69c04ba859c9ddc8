"""Everything that can go wrong with a saga is played; what is broken on purpose is found."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from typing_extensions import override

from application.settings import Settings
from application.system import timings
from sagaline.application.saga_handling import SagaHandling
from sagaline.errors import DefinitionError
from sagaline.followers.follower import Follower
from sagaline.messaging.commands import Command
from sagaline.messaging.retry import Retry, minutes, seconds
from sagaline.saga import engine as course
from sagaline.saga.definition import PIVOT, Saga, step
from sagaline.saga.state import StepStatus
from sagaline.saga.step_timers import Timing
from sagaline.testing import SimulatedParticipant, fault_matrix
from sagas.order_fulfilment import OrderFulfilment
from tests.sagas.party import (
    LARGE,
    SMALL,
    CakeCancelled,
    CakeOrdered,
    CancelCake,
    OrderCake,
    Party,
    PartyPaid,
    PayParty,
)
from tests.sagas.shop import PLACED
from tests.sagas.trip import BookTrip


class CancelsTheHotel(SimulatedParticipant):
    """Its undo undoes the wrong thing."""

    @override
    def undo(self, command: Command) -> bool:
        self.effects.settle("book_hotel")
        return True


class KeepsAFile(SimulatedParticipant):
    """Its effect was declared NO_EFFECT."""

    @override
    def do(self, command: Command) -> bool:
        return self.effects.take(self.name, command.id)


class HasNoPaper(SimulatedParticipant):
    """It refuses, and stands behind the pivot."""

    @override
    def do(self, command: Command) -> bool:
        return False


class TakesSilenceForNo(SimulatedParticipant):
    """What it has not done yet when it is to undo it, it does not settle."""

    @override
    def undo(self, command: Command) -> bool:
        return not self.effects.there(self.name) or super().undo(command)


class ForgetsTheKey(SimulatedParticipant):
    """The same command is another effect each time."""

    @override
    def do(self, command: Command) -> bool:
        return self.effects.take(self.name, uuid4())


class Gluttony(Saga, starts_on=Party.Planned, key=lambda event: event.host):
    """A cake, and the bill."""

    @step(done=CakeOrdered)
    def order_cake(self) -> OrderCake | None:
        guests = self[Party.Planned].guests
        return OrderCake(host=self.key, guests=guests) if guests else None

    @order_cake.undo(done=CakeCancelled)
    def cancel_cake(self) -> CancelCake:
        return CancelCake(host=self.key)

    @step(done=PartyPaid, kind=PIVOT)
    def pay(self) -> PayParty:
        return PayParty(host=self.key, amount=len(vars(self[CakeOrdered])))


def story_of(
    saga: type[Saga], start: Any = None, **broken: Callable[..., SimulatedParticipant]
) -> str:
    with pytest.raises(AssertionError) as failure:
        fault_matrix(saga, start=start, participants=broken)
    return str(failure.value)


def wrong_in(story: str) -> list[str]:
    return [line.strip() for line in story.partition("What is wrong:\n")[2].splitlines()]


def test_the_shops_saga_comes_to_a_good_end_whatever_goes_wrong() -> None:
    played = fault_matrix(OrderFulfilment)
    assert played.cases > 1_000
    assert played.crashes > 50


def test_the_shops_saga_comes_to_a_good_end_with_the_times_of_the_shop_too() -> None:
    hasty = timings(Settings(payment_timeout=10, stock_timeout=1, retry_base=4))
    played = fault_matrix(OrderFulfilment, timings=hasty)
    assert played.cases > 1_000


def test_the_times_of_a_system_are_those_that_are_played() -> None:
    hasty = {"take_payment": Timing(seconds(10), Retry(1))}
    broken = {"take_payment": TakesSilenceForNo}
    with pytest.raises(AssertionError) as failure:
        fault_matrix(OrderFulfilment, participants=broken, timings=hasty)
    told = str(failure.value)
    assert "0:00:10  the time limit of take_payment expires" in told
    assert "no answer within 10 s" in told


def test_a_time_limit_of_a_system_alone_is_played_as_well() -> None:
    """`Gluttony` declares none: what comes too late comes only where a system sets one."""
    without = fault_matrix(Gluttony, start=LARGE).cases
    assert fault_matrix(Gluttony, start=LARGE, timings={"pay": Timing(minutes(1))}).cases > without


def test_times_of_a_step_that_there_is_not_are_a_mistake_of_the_test() -> None:
    with pytest.raises(DefinitionError, match="has no step take_money"):
        fault_matrix(OrderFulfilment, timings={"take_money": Timing(seconds(10))})


def test_a_lock_that_is_left_over_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SagaHandling, "_release_locks", lambda *_: None)
    wrong = wrong_in(story_of(OrderFulfilment, PLACED))
    assert "a lock is left over: customer:900" in wrong


def test_a_real_start_may_be_told_and_serves_as_well_as_one_that_is_made_up() -> None:
    class Broken(ForgetsTheKey):
        pass

    told = story_of(OrderFulfilment, PLACED, take_payment=Broken)
    assert told == story_of(OrderFulfilment, take_payment=Broken)


def test_an_undo_that_undoes_the_wrong_thing_is_found() -> None:
    wrong = wrong_in(story_of(BookTrip, book_flight=CancelsTheHotel))
    assert "the effect of book_flight is left over: done once, never taken back" in wrong


def test_an_effect_that_was_declared_to_be_none_is_found_where_it_is_left_over() -> None:
    story = story_of(BookTrip, check_visa=KeepsAFile)
    assert wrong_in(story) == ["the effect of check_visa is left over: done once, never taken back"]


def test_a_step_behind_the_point_of_no_return_that_is_refused_is_found_without_any_fault() -> None:
    story = story_of(BookTrip, send_tickets=HasNoPaper)
    assert "1 of 1 cases without any fault went wrong" in story
    assert wrong_in(story) == [
        "the saga is parked at send_tickets, though nothing is broken there for good",
        "the saga is still parked, though everything is mended",
    ]


def test_a_participant_that_takes_a_timeout_for_a_no_is_found_with_its_story() -> None:
    assert story_of(BookTrip, book_flight=TakesSilenceForNo) == STORY


STORY = """\
BookTrip: 1 of 82 cases with one fault went wrong. The shortest of them:
  book_flight is pending, and done when its time is over

What happens:
      0:00:00  Trip.Wanted received
                 the saga requests: check_visa (CheckVisa)
               VisaFound received
                 the saga requests: book_flight (BookFlight)
      0:05:00  the time limit of book_flight expires
                 book_flight is of unknown outcome: it may or may not be done
                 the saga requests: undo book_flight (CancelFlight)
               FlightCancelled received
                 the saga requests: finally tell_traveller (TellTraveller)
                 the saga has ended, compensated: book_flight: no answer within 5 min
  0:05:00.001  FlightBooked received
                 no effect (book_flight is done)

What is wrong:
  the effect of book_flight is left over: done once, never taken back"""


def test_an_effect_without_an_idempotency_key_is_found_doubled() -> None:
    story = story_of(BookTrip, pay_trip=ForgetsTheKey)
    assert "pay_trip is done by a participant that crashes before its commit" in story
    assert wrong_in(story)[1] == "the effect of pay_trip is doubled: done twice, never taken back"


def test_a_saga_that_asks_for_what_it_has_not_heard_is_found() -> None:
    assert "KeyError" in story_of(Gluttony, start=[LARGE, happened_small()])


def happened_small() -> Any:
    return type(SMALL)(SMALL.event_class, {**SMALL.fields, "guests": 0})


@pytest.mark.parametrize(
    ("broken", "value"),
    [
        ("_TO_UNDO", (StepStatus.DONE, StepStatus.UNDO_AGAIN)),
        ("_ANSWERABLE", {False: (StepStatus.ASKED,), True: (StepStatus.UNDOING,)}),
        ("_PASSED", (StepStatus.DONE,)),
    ],
    ids=["unknown is not undone", "late answers are not heeded", "what is skipped holds up"],
)
def test_an_engine_that_is_broken_is_found(
    broken: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, broken, value)
    saga: Mapping[str, tuple[type[Saga], Any]] = {"_PASSED": (Gluttony, happened_small())}
    story_of(*saga.get(broken, (BookTrip, None)))


def commit_in_two(self: Any, positions: Mapping[str, int], write: Callable[[Any], None]) -> None:
    """What follows from a batch is on disk before the position is."""
    with self.datastore.write() as connection:
        write(connection)
    whole_commit(self, positions, lambda _: None)


whole_commit = Follower._commit


def test_a_follower_that_commits_in_two_parts_is_found_by_a_crash_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Follower, "_commit", commit_in_two)
    story = story_of(Gluttony, start=LARGE)
    assert "everything crashes behind commit" in story
    assert "without the crash the saga would have recorded something else" in wrong_in(story)


class Secret:
    """Of which nobody knows how to make one."""


class Hidden(Aggregate):
    class Begun(Aggregate.Created):
        secret: Secret


class KeepSecret(Saga, starts_on=Hidden.Begun, key=lambda event: event.originator_id):
    """Starts on an event that cannot be made up."""

    @step(done=PartyPaid, kind=PIVOT)
    def pay(self) -> PayParty:
        return PayParty(host="Ada", amount=1)


def test_where_no_start_can_be_made_up_the_test_must_tell_it() -> None:
    with pytest.raises(TypeError, match=r"Hidden\.Begun\.secret cannot be made up"):
        fault_matrix(KeepSecret)
