"""People decide on expenses in a running system, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from sagaline import Command, Runner, Saga, State
from sagaline.admin.timeline import timeline
from sagaline.errors import QueryFailed, QueryUnknown, SagaUnknown
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Operator
from sagaline.saga.reminding import Reminding
from sagaline.saga.state import Answer
from sagaline.system.saga_diagram import saga_diagram
from sagaline.testing import Scenario, fault_matrix
from tests.sagas.approval import (
    SYSTEMS,
    TWO_SAGAS,
    Approval,
    ApprovalByDate,
    Approve,
    Claim,
    Confirm,
    Expense,
    Expenses,
    Mail,
    Post,
    Progress,
    SilenceIsConsent,
    Witnesses,
)

NOON = datetime(2031, 12, 1, 12, tzinfo=UTC)
NEXT_DAY = NOON + timedelta(days=1)


class Office:
    """A system of expenses on a store, with a clock that the test moves."""

    def __init__(self, saga: type[Saga], url: str) -> None:
        self.saga = saga
        self.now = NOON
        self.url = url
        self._open()

    def _open(self) -> None:
        env = {"SQLALCHEMY_URL": self.url}
        self.runner = Runner(SYSTEMS[self.saga], env, now=lambda: self.now)
        self.runner.start()
        self.runner.settle(horizon=0)

    def restart(self) -> None:
        self.runner.stop()
        self._open()

    def claim(self, due: datetime = NEXT_DAY, *witnesses: str) -> None:
        self.gives(Claim(claim="trip", due=due, witnesses=witnesses))

    def gives(self, command: Command) -> None:
        app: Any = Post if isinstance(command, Confirm) else Expenses
        self.runner.get(app).execute_one(command)
        self.runner.settle(horizon=0)

    def wait(self, **time: float) -> None:
        """Lets time pass, hour by hour, as a runner that looks often would see it."""
        until = self.now + timedelta(**time)
        while self.now < until:
            self.now = min(until, self.now + timedelta(hours=1))
            self.runner.settle(horizon=0)

    def events(self) -> list[str]:
        """What has happened to the claim, in causal order."""
        found = timeline(cast("Any", self.runner.apps), "trip")
        names = [each.name for each in found if each.application == "Expenses"]
        return [each.rpartition(".")[2] for each in names]

    def mails(self) -> list[str]:
        """Whom mails were sent to, in the order of their log."""
        post = self.runner.get(Post)
        stored = post.recorder.select_notifications(1, 1_000)
        events = [post.mapper.to_domain_event(each) for each in stored]
        return [each.to for each in events if isinstance(each, Mail.Sent)]


@contextmanager
def office(saga: type[Saga], url: str) -> Iterator[Office]:
    found = Office(saga, url)
    try:
        yield found
    finally:
        found.runner.stop()


def test_bob_is_reminded_then_his_manager_and_no_one_after_he_has_decided(store_url: str) -> None:
    with office(Approval, store_url) as people:
        people.claim()
        people.wait(hours=13)
        assert people.mails() == ["Bob"]
        people.restart()
        people.wait(hours=28)
        assert people.mails() == ["Bob", "Bob", "Bob", "Bob's manager"]
        people.gives(Approve(claim="trip"))
        assert people.events() == ["Claimed", "Approved", "Paid"]
        people.wait(days=3)
        assert len(people.mails()) == 4
        assert people.runner.settled()


def test_no_decision_within_two_days_closes_the_claim(store_url: str) -> None:
    with office(Approval, store_url) as people:
        people.claim()
        people.wait(hours=49)
        assert people.events() == ["Claimed", "Closed"]
        people.gives(Approve(claim="trip"))
        assert people.events() == ["Claimed", "Approved", "Closed"]
        assert people.runner.settled()


def test_a_decision_by_date_is_refused_when_the_date_is_over(store_url: str) -> None:
    with office(ApprovalByDate, store_url) as people:
        people.claim(NOON + timedelta(hours=5))
        people.wait(hours=4)
        assert people.events() == ["Claimed"]
        people.wait(hours=2)
        assert people.events() == ["Claimed", "Closed"]


def test_a_date_that_is_past_already_ends_the_wait_at_once(store_url: str) -> None:
    with office(ApprovalByDate, store_url) as people:
        people.claim(NOON - timedelta(days=400))
        assert people.events() == ["Claimed", "Closed"]


def test_silence_is_consent_where_the_decision_is_optional(store_url: str) -> None:
    with office(SilenceIsConsent, store_url) as people:
        people.claim()
        people.wait(hours=25)
        assert people.events() == ["Claimed", "Paid"]


def test_each_witness_is_reminded_by_name(store_url: str) -> None:
    with office(Witnesses, store_url) as people:
        people.claim(NEXT_DAY, "Cleo", "Dora")
        people.wait(hours=2)
        assert sorted(people.mails()) == ["Cleo", "Dora"]


def test_a_reminder_is_tried_again_and_dropped_with_a_line_in_the_log(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with office(Approval, store_url) as people:
        people.claim()
        Post.down = 6  # more than the five attempts at the first reminder, less than at two
        people.wait(hours=20)
        assert people.mails() == []
        assert "goes on without the reminder remind_bob#1: ConnectionError: the mail" in caplog.text
        people.wait(hours=3)
        assert people.mails() == ["Bob"]
        people.gives(Approve(claim="trip"))
        assert people.events() == ["Claimed", "Approved", "Paid"]


def test_what_a_saga_tells_is_typed_and_read_from_the_store(store_url: str) -> None:
    with office(Approval, store_url) as people:
        people.claim()
        progress: Progress = people.runner.query(Approval, "trip", Approval.progress)
        assert progress == Progress("waiting", None)
        people.gives(Approve(claim="trip", by="Cleo"))
        with Runner(SYSTEMS[Approval], {"SQLALCHEMY_URL": store_url}) as other:
            assert other.query(Approval, "trip", Approval.progress) == Progress("approved", "Cleo")
        with pytest.raises(SagaUnknown):
            people.runner.query(Approval, "nowhere", Approval.progress)
        with pytest.raises(QueryFailed, match="double_fee raises ValueError: there is no fee"):
            people.runner.query(Approval, "trip", Approval.double_fee)
        with pytest.raises(QueryUnknown, match="it has progress, number, double_fee"):
            people.runner.query(Approval, "trip", Approval.pay)  # type: ignore[arg-type]


def test_a_decision_that_another_saga_has_led_to_is_heard(store_url: str) -> None:
    with Runner(TWO_SAGAS, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Expenses).execute_one(Claim(claim="trip", due=NOON))
        runner.settle(horizon=0)
        assert runner.query(Approval, "trip", Approval.progress) == Progress("approved", "Bob")


def test_a_decision_in_a_parked_saga_is_recorded_and_has_no_effect() -> None:
    with Scenario(Approval) as story:
        story.happens(Expense.Claimed).happens(Expense.Approved, by="Bob")
        story.then_ends(State.COMPLETED)
    with Scenario(Approval) as story:
        story.when_asked_for("pay").is_down()
        story.happens(Expense.Claimed).happens(Expense.Approved, by="Bob")
        story.pass_time(hours=1).then_parks("pay")
        story.happens(Expense.Rejected, reason="too late").then_parks("pay")
        story.when_asked_for("pay").recovers()
        story.intervene(lambda saga: saga.retry(Operator("Eve", "fixed")))
        story.then_ends(State.COMPLETED)


@pytest.mark.parametrize("saga", [Approval, SilenceIsConsent])
def test_people_who_decide_late_twice_or_never_leave_nothing_undone(saga: type[Saga]) -> None:
    assert fault_matrix(saga).cases > 100


def test_the_fault_matrix_finds_a_saga_that_fails_with_a_reminder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: Reminding, answer: Answer, attempt: int) -> None:
        self._journal.trigger_event(Journal.Refused, reason="no mail")

    monkeypatch.setattr(Reminding, "handle_fault", refuse)
    with pytest.raises(AssertionError, match="compensated without a refusal or a timeout"):
        fault_matrix(Approval)


def test_the_diagram_shows_who_is_waited_for_and_reminded() -> None:
    drawn = saga_diagram(Approval)
    assert r'approve[/"approve<br/>waits"\]' in drawn
    assert 'approve -.->|"no answer after 10 h, every 10 h, 3 times"| remind_bob' in drawn
    assert 'approve -.->|"no answer in 2 days"| close' in drawn
