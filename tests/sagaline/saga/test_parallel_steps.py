"""Parallel steps, conditional steps, folds and closing commands, for a party."""

from typing import Any

import pytest

from sagaline.errors import NoCommand
from sagaline.saga.definition import NO_EFFECT, Saga, step
from sagaline.saga.instance import Journal
from sagaline.saga.state import State, StepStatus
from sagaline.testing import given
from sagaline.testing.given.sagas import GivenSaga
from tests.sagas.party import (
    BAND,
    CAKE,
    HALL,
    LARGE,
    SMALL,
    Apologise,
    BandBusy,
    BandDismissed,
    BandInsists,
    BookHall,
    CakeCancelled,
    CakeOrdered,
    CancelCake,
    DismissBand,
    DoorsOpened,
    FreeHall,
    GiveParty,
    GuestsInvited,
    HallBooked,
    HallFreed,
    HallTaken,
    HireBand,
    InviteGuests,
    MenusPrinted,
    OpenDoors,
    OrderCake,
    Party,
    PartyNotPaid,
    PartyPaid,
    PayParty,
    PrintMenus,
    Toast,
)

HALL_PLEASE = BookHall(host="Ada")
NO_HALL = FreeHall(host="Ada")
BAND_PLEASE = HireBand(host="Ada")
NO_BAND = DismissBand(host="Ada")
CAKE_PLEASE = OrderCake(host="Ada", guests=100)


def pay(amount: int) -> PayParty:
    return PayParty(host="Ada", amount=amount)


def sorry(reason: str) -> Apologise:
    return Apologise(host="Ada", reason=reason)


def statuses(story: GivenSaga) -> dict[str, StepStatus]:
    return {name: each.status for name, each in story.journal.steps.items()}


# Parallel steps.


def test_steps_that_wait_for_none_are_requested_together() -> None:
    story = given(GiveParty, LARGE).then(HALL_PLEASE, BAND_PLEASE)
    story.then_waits("book_hall", "hire_band")
    assert len(story.timers) == 2


def test_a_step_starts_when_all_that_it_waits_for_is_done_in_any_order() -> None:
    hall_first = given(GiveParty, LARGE).when(HALL).then(CAKE_PLEASE).when(BAND).then_nothing()
    hall_first.when(CAKE).then(pay(890))
    band_first = given(GiveParty, LARGE).when(BAND).then_nothing().when(HALL).then(CAKE_PLEASE)
    band_first.when(CAKE).then(pay(890))


def test_an_answer_that_leads_to_no_command_yet_is_recorded_and_applied() -> None:
    story = given(GiveParty, LARGE).when(BAND)
    noted = story.events[-1]
    assert isinstance(noted, Journal.Noted)
    assert noted.heeded
    assert statuses(story)["hire_band"] is StepStatus.DONE


def paid() -> GivenSaga:
    return given(GiveParty, SMALL, HALL, BAND, PartyPaid)


def test_steps_after_the_pivot_run_in_parallel_and_join_again() -> None:
    story = paid().then(InviteGuests(host="Ada"), PrintMenus(host="Ada"))
    story = story.when(MenusPrinted).then_nothing().when(GuestsInvited).then(OpenDoors(host="Ada"))
    story.when(DoorsOpened).then().then_ends(State.COMPLETED).then_no_timers()


def test_after_a_refusal_undos_wait_for_steps_in_flight() -> None:
    refused = given(GiveParty, LARGE).when(BandBusy, reason="on tour").then_nothing()
    assert refused.journal.state is State.COMPENSATING
    story = refused.when(HALL).then(NO_HALL)
    story.when(HallFreed).then(sorry("on tour")).then_ends(State.COMPENSATED, "on tour")


def test_a_second_refusal_leaves_nothing_to_undo() -> None:
    story = given(GiveParty, LARGE).when(BandBusy, reason="on tour")
    story = story.when(HallTaken, reason="a wedding").then(sorry("on tour"))
    story.then_ends(State.COMPENSATED, "on tour").then_no_timers()


def test_a_compensating_saga_starts_no_further_step() -> None:
    story = given(GiveParty, LARGE, HALL).then(CAKE_PLEASE).when(BandBusy, reason="on tour")
    story = story.then_nothing().when(CAKE).then(CancelCake(host="Ada"))
    story.when(CakeCancelled).then(NO_HALL)


def test_a_step_in_flight_that_times_out_is_undone() -> None:
    story = given(GiveParty, LARGE).when(HallTaken, reason="a wedding").then_nothing()
    story = story.when_time_runs_out("hire_band").then(NO_BAND).when(BandDismissed)
    story.then_ends(State.COMPENSATED, "a wedding")


def test_a_compensating_saga_retries_no_step() -> None:
    story = given(GiveParty, LARGE).when(HallTaken, reason="a wedding").when_fault("hire_band")
    story.then(NO_BAND).then_no_timers()


def test_a_compensating_saga_undoes_a_pausing_step_at_once() -> None:
    story = given(GiveParty, LARGE).when_fault("hire_band").when(HallTaken, reason="a wedding")
    story = story.then(NO_BAND).then_no_timers().when(BandDismissed)
    story.then_ends(State.COMPENSATED, "a wedding")


def test_undos_run_in_reverse_order_of_start_one_at_a_time() -> None:
    story = given(GiveParty, LARGE, BAND, HALL, CAKE).when(PartyNotPaid, reason="broke")
    story = story.then(CancelCake(host="Ada")).when(CakeCancelled).then(NO_BAND)
    story = story.when(BandDismissed).then(NO_HALL)
    story.when(HallFreed).then(sorry("broke")).then_ends(State.COMPENSATED, "broke")


def test_a_stuck_step_does_not_stop_parallel_steps() -> None:
    story = paid().when_fault("invite", "no stamps").when_pause_ends("invite")
    stuck = story.when_fault("invite", "no stamps").then_nothing().then_waits("print_menus")
    parked = stuck.when(MenusPrinted).then_parks("invite", "no stamps").then_no_timers()
    parked.when(GuestsInvited).then(OpenDoors(host="Ada")).then_waits("open_doors")


def test_an_early_answer_of_a_parallel_step_is_applied_when_the_step_is_due() -> None:
    story = given(GiveParty, LARGE).when(CAKE).then_nothing().when(BAND).then_nothing()
    story.when(HALL).then(pay(890))


# Conditional steps.


def test_a_step_whose_condition_is_false_is_recorded_as_skipped() -> None:
    story = given(GiveParty, SMALL, BAND).when(HALL).then(pay(800))
    (skipped,) = (each for each in story.events if isinstance(each, Journal.Skipped))
    assert skipped.step == "order_cake"
    assert skipped.answer is not None
    assert statuses(story)["order_cake"] is StepStatus.SKIPPED


def test_a_step_that_was_skipped_is_not_undone() -> None:
    story = given(GiveParty, SMALL, HALL, BAND).when(PartyNotPaid, reason="broke").then(NO_BAND)
    story = story.when(BandDismissed).then(NO_HALL)
    story.when(HallFreed).then_ends(State.COMPENSATED, "broke")


def test_an_answer_to_a_skipped_step_has_no_effect() -> None:
    story = given(GiveParty, SMALL, HALL).when(CAKE).then_nothing().then_waits("hire_band")
    story.when(BAND).then(pay(800))


def test_a_step_that_is_not_conditional_must_return_a_command() -> None:
    class Careless(Saga, starts_on=Party.Planned, key=lambda event: event.host):
        @step(done=HallBooked, kind=NO_EFFECT)
        def book_hall(self) -> BookHall:
            nothing: Any = None
            return nothing  # type: ignore[no-any-return]

    with pytest.raises(NoCommand, match=r"Careless.book_hall returned no command"):
        given(Careless, SMALL)


# Folds and closing commands.


def test_a_saga_folds_its_state_from_received_events() -> None:
    given(GiveParty, LARGE, HALL, BAND).when(CakeOrdered, price=11).then(pay(811))


def test_events_without_effect_are_not_folded() -> None:
    given(GiveParty, LARGE, HALL, HALL, BAND, BAND).when(CAKE).then(pay(890))


def test_a_completed_saga_issues_its_closing_command() -> None:
    story = given(GiveParty, LARGE, HALL, BAND, CAKE, PartyPaid, GuestsInvited, MenusPrinted)
    ended = story.when(DoorsOpened).then(Toast(host="Ada")).then_ends(State.COMPLETED, "")
    again = ended.when_fault("toast", "hoarse").then_timer("toast", 1).when_pause_ends("toast")
    again.then(Toast(host="Ada")).then_ends(State.COMPLETED)


def test_a_closing_command_has_the_declared_attempts() -> None:
    story = given(GiveParty, SMALL).when(BandBusy, reason="on tour")
    ended = story.when(HallTaken, reason="a wedding").then(sorry("on tour"))
    ended.when_fault("apologise", "no line").then_parks("apologise", "no line")


def test_a_stuck_undo_does_not_stop_other_undos() -> None:
    story = given(GiveParty, SMALL, HALL, BAND).when(PartyNotPaid, reason="broke")
    for _ in range(2):
        story = story.when(BandInsists, reason="a contract").when_pause_ends("hire_band")
    story = story.when(BandInsists, reason="a contract").then(NO_HALL)
    story.when(HallFreed).then_parks("hire_band", "a contract")
