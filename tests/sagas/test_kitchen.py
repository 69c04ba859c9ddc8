"""Meals that are ordered, cancelled again, or revised: sagas with simulated participants."""

from collections.abc import Iterator

import pytest
from eventsourcing.domain import Aggregate

from sagaline import (
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Command,
    Saga,
    State,
    minutes,
    on_compensated,
    step,
)
from sagaline.testing import Operator, Scenario, fault_matrix


class Meal(Aggregate):
    class Ordered(Aggregate.Created):
        guest: str

    class CancelAsked(Aggregate.Created):
        guest: str

    class GuestKnown(Aggregate.Event):
        pass

    class GuestUnknown(Aggregate.Event):
        reason: str

    class Approved(Aggregate.Event):
        pass

    class CancelBegun(Aggregate.Event):
        pass

    class CancelUndone(Aggregate.Event):
        pass

    class TooLate(Aggregate.Event):
        reason: str

    class Cancelled(Aggregate.Event):
        pass

    class ReviseAsked(Aggregate.Created):
        guest: str
        portions: int

    class RevisionBegun(Aggregate.Event):
        total: int

    class RevisionUndone(Aggregate.Event):
        pass

    class Revised(Aggregate.Event):
        pass


class Ticket(Aggregate):
    class Written(Aggregate.Event):
        pass

    class KitchenFull(Aggregate.Event):
        reason: str

    class TornUp(Aggregate.Event):
        pass

    class Accepted(Aggregate.Event):
        pass

    class RevisionBegun(Aggregate.Event):
        pass

    class RevisionRefused(Aggregate.Event):
        reason: str

    class RevisionUndone(Aggregate.Event):
        pass

    class Revised(Aggregate.Event):
        pass


class Card(Aggregate):
    class Authorised(Aggregate.Event):
        pass

    class Declined(Aggregate.Event):
        reason: str

    class Raised(Aggregate.Event):
        pass

    class NotRaised(Aggregate.Event):
        reason: str

    class Reversed(Aggregate.Event):
        pass

    class NotReversed(Aggregate.Event):
        reason: str


class MealCommand(Command, key="guest"):
    guest: str


class KnowGuest(MealCommand):
    pass


class WriteTicket(MealCommand):
    pass


class TearUpTicket(MealCommand):
    pass


class AuthoriseCard(MealCommand):
    pass


class AcceptTicket(MealCommand):
    pass


class ApproveMeal(MealCommand):
    pass


class RejectMeal(MealCommand):
    reason: str


class BeginCancel(MealCommand):
    pass


class UndoBeginCancel(MealCommand):
    pass


class ReverseCard(MealCommand):
    pass


class ConfirmCancel(MealCommand):
    pass


class BeginRevision(MealCommand):
    portions: int


class UndoRevision(MealCommand):
    pass


class BeginTicketRevision(MealCommand):
    portions: int


class UndoTicketRevision(MealCommand):
    pass


class RaiseCard(MealCommand):
    total: int


class ReviseTicket(MealCommand):
    pass


class ReviseOrder(MealCommand):
    pass


class OrderMeal(Saga, starts_on=Meal.Ordered, key=lambda event: event.guest):
    """A guest orders, the kitchen has a ticket, and the card is good for it."""

    know_guest = step(KnowGuest, done=Meal.GuestKnown, refused=Meal.GuestUnknown, kind=NO_EFFECT)
    write_ticket = step(WriteTicket, done=Ticket.Written, refused=Ticket.KitchenFull)
    tear_up = write_ticket.undo(TearUpTicket, done=Ticket.TornUp)
    authorise = step(AuthoriseCard, done=Card.Authorised, refused=Card.Declined, kind=PIVOT)
    accept_ticket = step(AcceptTicket, done=Ticket.Accepted, kind=RETRIABLE)
    approve = step(ApproveMeal, done=Meal.Approved, kind=RETRIABLE)

    @on_compensated
    def reject(self) -> RejectMeal:
        return RejectMeal(guest=self.key, reason=self.reason)


class CancelMeal(Saga, starts_on=Meal.CancelAsked, key=lambda event: event.guest):
    """A guest thinks better of it, while the meal is on its way."""

    begin = step(BeginCancel, done=Meal.CancelBegun, refused=Meal.TooLate, within=minutes(5))
    undo_begin = begin.undo(UndoBeginCancel, done=Meal.CancelUndone)
    reverse = step(ReverseCard, done=Card.Reversed, refused=Card.NotReversed, kind=PIVOT)
    confirm = step(ConfirmCancel, done=Meal.Cancelled, kind=RETRIABLE)


class ReviseMeal(Saga, starts_on=Meal.ReviseAsked, key=lambda event: event.guest):
    """A guest wants more, or less, while the meal is on its way: what it costs is known then."""

    @step(done=Meal.RevisionBegun, refused=Meal.TooLate)
    def begin(self) -> BeginRevision:
        return BeginRevision(guest=self.key, portions=self[Meal.ReviseAsked].portions)

    undo_begin = begin.undo(UndoRevision, done=Meal.RevisionUndone)

    @step(done=Ticket.RevisionBegun, refused=Ticket.RevisionRefused)
    def begin_ticket(self) -> BeginTicketRevision:
        return BeginTicketRevision(guest=self.key, portions=self[Meal.ReviseAsked].portions)

    undo_ticket = begin_ticket.undo(UndoTicketRevision, done=Ticket.RevisionUndone)

    @step(done=Card.Raised, refused=Card.NotRaised, kind=PIVOT)
    def raise_card(self) -> RaiseCard:
        return RaiseCard(guest=self.key, total=self[Meal.RevisionBegun].total)

    revise_ticket = step(ReviseTicket, done=Ticket.Revised, kind=RETRIABLE)
    revise = step(ReviseOrder, done=Meal.Revised, kind=RETRIABLE)


@pytest.fixture
def meal() -> Iterator[Scenario]:
    with Scenario(OrderMeal) as scenario:
        yield scenario


@pytest.fixture
def cancelling() -> Iterator[Scenario]:
    with Scenario(CancelMeal) as scenario:
        yield scenario


@pytest.fixture
def revising() -> Iterator[Scenario]:
    with Scenario(ReviseMeal) as scenario:
        yield scenario


def test_a_declined_card_cancels_the_ticket_and_then_rejects_the_meal(meal: Scenario) -> None:
    meal.when_asked_for("authorise").refuses("card declined")
    meal.happens(Meal.Ordered, guest="Ada").then_ends(State.COMPENSATED, "card declined")
    meal.then_asked(KnowGuest, WriteTicket, AuthoriseCard, TearUpTicket, RejectMeal)
    meal.then_in_place()


def test_an_unknown_guest_is_rejected_with_nothing_to_undo(meal: Scenario) -> None:
    meal.when_asked_for("know_guest").refuses("who is that?")
    meal.happens(Meal.Ordered, guest="Bob").then_ends(State.COMPENSATED, "who is that?")
    meal.then_asked(KnowGuest, RejectMeal)


def test_a_meal_that_is_cancelled_in_time_has_its_card_reversed(cancelling: Scenario) -> None:
    cancelling.happens(Meal.CancelAsked, guest="Ada").then_ends(State.COMPLETED)
    cancelling.then_asked(BeginCancel, ReverseCard, ConfirmCancel)


def test_a_cancellation_that_the_bank_refuses_is_undone_and_the_meal_goes_on(
    cancelling: Scenario,
) -> None:
    cancelling.when_asked_for("reverse").refuses("settled already")
    cancelling.happens(Meal.CancelAsked, guest="Ada")
    cancelling.then_ends(State.COMPENSATED, "settled already").then_in_place()
    cancelling.then_asked(BeginCancel, ReverseCard, UndoBeginCancel)


def test_a_meal_on_the_table_cannot_be_cancelled(cancelling: Scenario) -> None:
    cancelling.when_asked_for("begin").refuses("served")
    cancelling.happens(Meal.CancelAsked, guest="Ada").then_ends(State.COMPENSATED, "served")
    cancelling.then_asked(BeginCancel)


REVISING = (BeginRevision, BeginTicketRevision, RaiseCard)


def test_a_meal_is_revised_once_the_card_is_good_for_it(revising: Scenario) -> None:
    revising.happens(Meal.ReviseAsked, guest="Ada", portions=3).then_ends(State.COMPLETED)
    revising.then_asked(*REVISING, ReviseTicket, ReviseOrder)


def test_a_revision_that_the_card_is_not_good_for_is_undone_and_the_meal_stays_as_it_was(
    revising: Scenario,
) -> None:
    revising.when_asked_for("raise_card").refuses("over the limit")
    revising.happens(Meal.ReviseAsked, guest="Ada", portions=30)
    revising.then_ends(State.COMPENSATED, "over the limit").then_in_place()
    revising.then_asked(*REVISING, UndoTicketRevision, UndoRevision)


def test_a_kitchen_that_has_begun_refuses_the_revision(revising: Scenario) -> None:
    revising.when_asked_for("begin_ticket").refuses("in the oven")
    revising.happens(Meal.ReviseAsked, guest="Ada", portions=3)
    revising.then_ends(State.COMPENSATED, "in the oven")
    revising.then_asked(BeginRevision, BeginTicketRevision, UndoRevision)


def test_a_crash_on_the_way_back_goes_on_undoing_and_never_forward(meal: Scenario) -> None:
    meal.when_asked_for("authorise").refuses("card declined")
    meal.when_asked_to_undo("write_ticket").is_pending(minutes=1)
    meal.happens(Meal.Ordered, guest="Ada").then_waits("write_ticket").crashes()
    meal.then_waits("write_ticket").then_asked(KnowGuest, WriteTicket, AuthoriseCard, TearUpTicket)
    meal.pass_time(minutes=1).crashes().then_ends(State.COMPENSATED)
    meal.then_asked(KnowGuest, WriteTicket, AuthoriseCard, TearUpTicket, RejectMeal)


def test_an_undo_that_always_fails_parks_the_meal_until_a_person_has_mended_it(
    meal: Scenario,
) -> None:
    meal.when_asked_for("authorise").refuses("card declined")
    meal.when_asked_to_undo("write_ticket").is_down("no light in the kitchen")
    meal.happens(Meal.Ordered, guest="Ada").pass_time(hours=1)
    meal.then_parks("write_ticket", "no light in the kitchen").then_in_place("write_ticket")
    meal.when_asked_to_undo("write_ticket").recovers()
    meal.intervene(lambda saga: saga.retry(Operator("Eve", "a new bulb")))
    meal.then_ends(State.COMPENSATED, "card declined").then_in_place()


def test_two_starts_and_two_answers_of_each_are_one_meal(meal: Scenario) -> None:
    for each in ("know_guest", "write_ticket", "authorise", "accept_ticket", "approve"):
        meal.when_asked_for(each).answers_twice()
    meal.happens(Meal.Ordered, guest="Ada").happens(Meal.Ordered, guest="Ada")
    meal.then_ends(State.COMPLETED)
    meal.then_asked(KnowGuest, WriteTicket, AuthoriseCard, AcceptTicket, ApproveMeal)


@pytest.mark.slow
@pytest.mark.parametrize("saga", [OrderMeal, CancelMeal, ReviseMeal])
def test_meals_come_to_a_good_end_whatever_goes_wrong(saga: type[Saga]) -> None:
    assert fault_matrix(saga).cases > 100
