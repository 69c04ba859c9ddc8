"""Steps that wait for people and for dates, with reminders, as the saga alone decides."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from sagaline import NO_EFFECT, PIVOT, DefinitionError, Saga, SetTimer, State, hours, step, wait_for
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.interventions import Operator
from sagaline.testing import given, happened
from sagaline.testing.given.sagas import GivenSaga
from tests.sagas.approval import (
    Approval,
    ApprovalByDate,
    AskAnyone,
    AskWitness,
    Close,
    Expense,
    Pay,
    SendMail,
    SilenceIsConsent,
    Statement,
    Witnesses,
    claim_of,
    due,
)

DUE = datetime(2031, 12, 24, 12, tzinfo=UTC)
TO_BOB = SendMail(claim="trip", to="Bob")


def claimed(saga: type[Saga], *witnesses: str, by: datetime = DUE) -> GivenSaga:
    return given(saga, happened(Expense.Claimed, claim="trip", due=by, witnesses=witnesses))


def test_the_saga_waits_for_a_decision_without_a_command() -> None:
    waiting = (
        claimed(Approval).then_nothing().then_waits("approve").then_timer("approve", hours(48))
    )
    waiting.when(Expense.Approved, by="Bob").then(Pay(claim="trip"))
    rejected = waiting.when(Expense.Rejected, reason="too much")
    rejected.then(Close(claim="trip", reason="too much")).then_ends(State.COMPENSATED, "too much")


def test_no_decision_in_time_is_a_refusal_and_no_unknown_effect() -> None:
    late = claimed(Approval).when_time_runs_out("approve")
    late.then_ends(State.COMPENSATED, "approve: no answer within 2 days").then_no_timers()
    late.when(Expense.Approved, by="Bob").then_nothing().then_ends(State.COMPENSATED)


def test_the_saga_goes_on_without_an_optional_decision() -> None:
    claimed(SilenceIsConsent).when_time_runs_out("approve").then(Pay(claim="trip"))
    rejected = claimed(SilenceIsConsent).when(Expense.Rejected, reason="no")
    rejected.then(Pay(claim="trip"))


def test_a_reminder_is_issued_so_many_times_each_with_a_key_of_its_own() -> None:
    story = claimed(Approval).then_timer("remind_bob", hours(10))
    for _ in range(3):
        story = story.when_reminder_is_due("remind_bob").then(TO_BOB)
    ids = {each.command.id for each in story.events if hasattr(each, "command")}
    assert len(ids) == 3
    with pytest.raises(AssertionError, match="remind_bob"):
        story.when_reminder_is_due("remind_bob")


def test_an_escalation_is_a_second_reminder() -> None:
    story = claimed(Approval).when_reminder_is_due("remind_bob")
    story.when_reminder_is_due("tell_manager").then(SendMail(claim="trip", to="Bob's manager"))


def test_an_escalation_may_lead_to_the_decision() -> None:
    story = claimed(Approval).when_reminder_is_due("tell_manager")
    story = story.when_answered("tell_manager#1", Expense.Approved, by="Bob's manager")
    story.then(Pay(claim="trip")).then_no_timers()


@pytest.mark.parametrize("end", ["answered", "refused", "timed out", "cancelled", "abandoned"])
def test_reminders_stop_with_the_wait(end: str) -> None:
    story = claimed(Approval).when_reminder_is_due("remind_bob").when_fault("remind_bob#1")
    story = story.then_timer("remind_bob#1", 10)
    by = Operator("Eve", "over")
    ended = {
        "answered": lambda: story.when(Expense.Approved, by="Bob"),
        "refused": lambda: story.when(Expense.Rejected, reason="no"),
        "timed out": lambda: story.when_time_runs_out("approve"),
        "cancelled": lambda: story.when_operator(lambda saga: saga.cancel(by)),
        "abandoned": lambda: story.when_operator(lambda saga: saga.abandon(by)),
    }
    ended[end]().then_no_timers()


def test_a_cancelled_saga_waits_for_no_decision() -> None:
    story = claimed(Approval).when_operator(lambda saga: saga.cancel(Operator("Eve", "left")))
    story.then(Close(claim="trip", reason="left")).then_ends(State.COMPENSATED, "left")


def test_a_reminder_whose_port_is_down_is_dropped_after_five_attempts() -> None:
    story = claimed(Approval).when_reminder_is_due("remind_bob")
    for _ in range(4):
        story = story.when_fault("remind_bob#1", "down").when_pause_ends("remind_bob#1")
        story = story.then(TO_BOB)
    dropped = story.when_fault("remind_bob#1", "down").then_nothing().then_waits("approve")
    assert "ReminderDropped" in dropped.events[-1].TOPIC
    assert dropped.events[-1].reason == "down"
    dropped.when_reminder_is_due("remind_bob").then(TO_BOB)
    dropped.when(Expense.Approved, by="Bob").then(Pay(claim="trip"))


def test_each_item_has_reminders_of_its_own() -> None:
    story = claimed(Witnesses, "Cleo", "Dora")
    story = story.then(*(AskWitness(claim="trip", witness=name) for name in ("Cleo", "Dora")))
    story = story.when_answered("ask[0]", Statement.Given)
    story.when_reminder_is_due("remind_witness[1]").then(SendMail(claim="trip", to="Dora"))
    with pytest.raises(AssertionError):
        story.when_reminder_is_due("remind_witness[0]")


def test_a_date_is_a_deadline_and_the_earlier_limit_counts() -> None:
    story = claimed(ApprovalByDate).then_deadline("approve", DUE).then_timer("approve", hours(48))
    (timer,) = story.timers.values()
    assert timer.delay(DUE - timedelta(hours=1)) == timedelta(hours=1)
    assert timer.delay(DUE - timedelta(days=9)) == timedelta(hours=48)
    assert timer.delay(DUE + timedelta(days=9)) == timedelta(0)
    reason = "approve: no answer within 2 days, or until 2031-12-24 12:00+00:00"
    story.when_time_runs_out("approve").then_ends(State.COMPENSATED, reason)


def test_a_date_is_a_moment_also_where_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before, after = (datetime(2031, 3, day, 12, tzinfo=berlin) for day in (29, 30))
    timer = SetTimer("t", timedelta.max, Pay(claim="trip"), after)
    assert timer.delay(before) == timer.delay(before.astimezone(UTC)) == timedelta(hours=23)
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))
    assert SetTimer("t", timedelta.max, Pay(claim="trip"), last).delay(before) > timedelta(days=9)


def test_a_date_without_a_time_zone_is_refused_with_the_cure() -> None:
    with pytest.raises(DefinitionError, match=r"ApprovalByDate.approve: until=.*no time zone.*tz"):
        claimed(ApprovalByDate, by=datetime(2031, 12, 24))  # noqa: DTZ001


class PaidFirst(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A claim that is paid at once, and approved afterwards."""

    pay = step(Pay, done=Expense.Paid, kind=PIVOT)
    approve = wait_for(done=Expense.Approved, refused=Expense.Rejected, optional=True)


def test_a_decision_before_the_saga_asks_for_it_is_kept() -> None:
    early = claimed(PaidFirst).when(Expense.Approved, by="Bob").then_nothing()
    early.when(Expense.Paid).then_ends(State.COMPLETED)
    claimed(PaidFirst).when(Expense.Paid).then_waits("approve")


class Together(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A claim that is confirmed by a witness while Bob decides."""

    ask = step(AskAnyone, done=Statement.Given, refused=Statement.Withheld, kind=NO_EFFECT)
    approve = wait_for(done=Expense.Approved, after=())
    pay = step(Pay, done=Expense.Paid, kind=PIVOT, after=(ask, approve))


def test_a_saga_that_compensates_waits_for_no_decision() -> None:
    story = claimed(Together).when(Statement.Withheld, reason="no")
    story.then_ends(State.COMPENSATED, "no")


def test_a_pivot_whose_date_is_over_parks_and_a_retry_has_no_date() -> None:
    class Payday(Saga, starts_on=Expense.Claimed, key=claim_of):
        pay = step(Pay, done=Expense.Paid, kind=PIVOT, until=due)

    story = claimed(Payday).when_time_runs_out("pay")
    story = story.then_parks("pay", "pay: no answer until 2031-12-24 12:00+00:00")
    again = story.when_operator(lambda saga: saga.retry(Operator("Eve", "now")))
    again.then(Pay(claim="trip")).then_no_timers().when(Expense.Paid).then_ends(State.COMPLETED)


def test_dates_and_reminders_are_no_part_of_the_fingerprint() -> None:
    class Dated(Saga, starts_on=Expense.Claimed, key=claim_of):
        approve = wait_for(done=Expense.Approved, refused=Expense.Rejected, until=due)
        remind = approve.reminder(Pay, after=hours(1))
        pay = step(Pay, done=Expense.Paid, kind=PIVOT)

    class Plain(Saga, starts_on=Expense.Claimed, key=claim_of):
        approve = wait_for(done=Expense.Approved, refused=Expense.Rejected)
        pay = step(Pay, done=Expense.Paid, kind=PIVOT)

    shapes = [{**saga_declaration(each).shape, "start": ""} for each in (Dated, Plain)]
    assert shapes[0] == shapes[1]
