"""`fault_matrix`: correct sagas pass, and each deliberate defect is found."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from typing_extensions import override

from application.settings import Settings
from application.system import timings
from sagaline.application import saga_handling
from sagaline.errors import DefinitionError
from sagaline.followers.progress import Progress
from sagaline.messaging.commands import Command
from sagaline.messaging.retry import Retry, minutes, seconds
from sagaline.saga import engine, progression
from sagaline.saga.definition import PIVOT, Saga, step
from sagaline.saga.state import State, StepStatus
from sagaline.saga.step_timers import Timing
from sagaline.testing import SimulatedParticipant, fault_matrix, happened
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
from tests.sagas.picnic import PICNICS, Picnic
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
        return self.effects.perform(self.name, command.id)


class HasNoPaper(SimulatedParticipant):
    """It refuses a step after the pivot."""

    @override
    def do(self, command: Command) -> bool:
        return False


class ForgetsPendingWork(SimulatedParticipant):
    """Its undo does not settle a command that is still pending."""

    @override
    def undo(self, command: Command) -> bool:
        return not self.effects.count(self.name) or super().undo(command)


class ForgetsTheKey(SimulatedParticipant):
    """The same command has another effect each time."""

    @override
    def do(self, command: Command) -> bool:
        return self.effects.perform(self.name, uuid4())


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


def report_of(
    saga: type[Saga], start: Any = None, **broken: Callable[..., SimulatedParticipant]
) -> str:
    with pytest.raises(AssertionError) as failure:
        fault_matrix(saga, start=start, participants=broken)
    return str(failure.value)


def violations_in(report: str) -> list[str]:
    return [line.strip() for line in report.partition("What is wrong:\n")[2].splitlines()]


def test_the_shops_saga_passes() -> None:
    matrix = fault_matrix(OrderFulfilment)
    assert matrix.cases > 1_000
    assert matrix.crashes > 50


@pytest.mark.no_cover
def test_the_shops_saga_passes_with_the_times_of_the_shop() -> None:
    hasty = timings(Settings(payment_timeout=10, stock_timeout=1, retry_base=4))
    matrix = fault_matrix(OrderFulfilment, timings=hasty)
    assert matrix.cases > 1_000


def test_timings_override_the_declared_times() -> None:
    hasty = {"take_payment": Timing(seconds(10), Retry(1))}
    broken = {"take_payment": ForgetsPendingWork}
    with pytest.raises(AssertionError) as failure:
        fault_matrix(OrderFulfilment, participants=broken, timings=hasty)
    report = str(failure.value)
    assert "0:00:10  the time limit of take_payment expires" in report
    assert "no answer within 10 s" in report


@pytest.mark.no_cover
def test_a_time_limit_that_only_the_timings_set_adds_cases() -> None:
    without = fault_matrix(Gluttony, start=LARGE).cases
    assert fault_matrix(Gluttony, start=LARGE, timings={"pay": Timing(minutes(1))}).cases > without


def test_timings_of_an_unknown_step_are_refused() -> None:
    with pytest.raises(DefinitionError, match="has no step take_money"):
        fault_matrix(OrderFulfilment, timings={"take_money": Timing(seconds(10))})


@pytest.mark.no_cover
def test_a_lock_that_is_left_over_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saga_handling, "release_and_wake", lambda *_: None)
    violations = violations_in(report_of(OrderFulfilment, PLACED))
    assert "a lock is left over: customer:900" in violations


def test_a_given_start_and_an_example_start_give_the_same_report() -> None:
    class Broken(ForgetsTheKey):
        pass

    report = report_of(OrderFulfilment, PLACED, take_payment=Broken)
    assert report == report_of(OrderFulfilment, take_payment=Broken)


def test_an_undo_of_the_wrong_effect_is_found() -> None:
    violations = violations_in(report_of(BookTrip, book_flight=CancelsTheHotel))
    assert "the effect of book_flight is left over: performed once, undone 0 times" in violations


def test_an_effect_of_a_no_effect_step_is_found() -> None:
    report = report_of(BookTrip, check_visa=KeepsAFile)
    assert violations_in(report) == [
        "the effect of check_visa is left over: performed once, undone 0 times"
    ]


def test_a_refusal_after_the_pivot_is_found_without_any_fault() -> None:
    report = report_of(BookTrip, send_tickets=HasNoPaper)
    assert "1 of 1 cases without any fault failed" in report
    assert violations_in(report) == [
        "the saga is parked at send_tickets without a permanent fault there",
        "the saga is still parked after the repair",
    ]


def test_pending_work_that_is_not_settled_is_found_and_reported() -> None:
    assert report_of(BookTrip, book_flight=ForgetsPendingWork) == REPORT


REPORT = """\
BookTrip: 1 of 82 cases with one fault failed. The shortest of them:
  book_flight is pending, and performed after its time limit

What happened:
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
  the effect of book_flight is left over: performed once, undone 0 times"""


def test_an_effect_without_an_idempotency_key_is_found() -> None:
    report = report_of(BookTrip, pay_trip=ForgetsTheKey)
    assert "pay_trip is performed by a participant that crashes before its commit" in report
    assert (
        violations_in(report)[1]
        == "the effect of pay_trip is duplicated: performed twice, undone 0 times"
    )


def test_an_error_in_a_step_is_found() -> None:
    assert "NotHeard" in report_of(Gluttony, start=[LARGE, no_guests()])


def no_guests() -> Any:
    return type(SMALL)(SMALL.event_class, {**SMALL.fields, "guests": 0})


whole_end = progression.Progression._end


def end_without_command(self: Any, closing: object, state: State) -> None:
    whole_end(self, None, state)


@pytest.mark.parametrize(
    ("module", "broken", "value"),
    [
        (progression, "_TO_UNDO", (StepStatus.DONE, StepStatus.UNDO_AGAIN)),
        (engine, "_ANSWERABLE", {False: (StepStatus.ASKED,), True: (StepStatus.UNDOING,)}),
        (progression, "_PASSED", (StepStatus.DONE,)),
        (progression, "reversed", list),
        (progression.Progression, "_end", end_without_command),
    ],
    ids=[
        "unknown is not undone",
        "late answers are ignored",
        "skipped steps block",
        "undos run in the order of start",
        "the closing command is never given",
    ],
)
def test_a_defect_of_the_engine_is_found(
    module: object, broken: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, broken, value, raising=False)
    saga: Mapping[str, tuple[type[Saga], Any]] = {
        "_PASSED": (Gluttony, no_guests()),
        "_end": (OrderFulfilment, PLACED),
    }
    report_of(*saga.get(broken, (BookTrip, None)))


def commit_in_two(self: Any, positions: Mapping[str, int], write: Callable[[Any], None]) -> None:
    """Commits the result of a batch before the position."""
    with self.datastore.write() as connection:
        write(connection)
    whole_commit(self, positions, lambda _: None)


whole_commit = Progress.commit


def test_a_follower_that_commits_in_two_parts_is_found_by_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Progress, "commit", commit_in_two)
    report = report_of(Gluttony, start=LARGE)
    assert "everything crashes after commit" in report
    assert "without the crash the saga would have recorded other events" in violations_in(report)


class Secret:
    """A type without an example value."""


class Hidden(Aggregate):
    class Begun(Aggregate.Created):
        secret: Secret


class KeepSecret(Saga, starts_on=Hidden.Begun, key=lambda event: event.originator_id):
    """Starts on an event without an example."""

    @step(done=PartyPaid, kind=PIVOT)
    def pay(self) -> PayParty:
        return PayParty(host="Ada", amount=1)


def test_a_start_event_without_an_example_must_be_given() -> None:
    with pytest.raises(TypeError, match=r"no example value for Hidden\.Begun\.secret"):
        fault_matrix(KeepSecret)


@pytest.mark.parametrize("saga", PICNICS, ids=lambda saga: saga.__name__)
def test_sagas_with_items_and_alternatives_pass(saga: type[Saga]) -> None:
    start = happened(Picnic.Planned, host="Ada", dishes=("soup", "cake", "pie"))
    assert fault_matrix(saga, start=start).cases > 100
