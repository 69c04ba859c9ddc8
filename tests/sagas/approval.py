"""An expense that people decide on: reminders, an escalation, and deadlines by time and by date."""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    Saga,
    System,
    handles,
    hours,
    on_compensated,
    query,
    step,
    step_for_each,
    wait_for,
)


class Expense(Aggregate):
    """What an employee has spent, and wants back."""

    class Claimed(Aggregate.Created):
        claim: str
        due: datetime
        witnesses: tuple[str, ...] = ()

    class Approved(Aggregate.Event):
        by: str

    class Rejected(Aggregate.Event):
        reason: str

    class Paid(Aggregate.Event): ...

    class Closed(Aggregate.Event):
        reason: str

    @staticmethod
    def create_id(claim: str) -> UUID:
        return uuid5(NAMESPACE_URL, claim)

    @event(Claimed)
    def __init__(self, claim: str, due: datetime, witnesses: tuple[str, ...] = ()) -> None: ...

    @event(Approved)
    def approve(self, by: str) -> None: ...

    @event(Rejected)
    def reject(self, reason: str) -> None: ...

    @event(Paid)
    def pay(self) -> None: ...

    @event(Closed)
    def close(self, reason: str) -> None: ...


class Mail(Aggregate):
    """A mail that was sent."""

    class Sent(Aggregate.Created):
        to: str


class Statement(Aggregate):
    """What a witness says."""

    class Given(Aggregate.Created):
        witness: str

    class Withheld(Aggregate.Created):
        reason: str


class Claim(Command, key="claim"):
    claim: str
    due: datetime
    witnesses: tuple[str, ...] = ()


class Approve(Command, key="claim"):
    claim: str
    by: str = "Bob"


class Reject(Command, key="claim"):
    claim: str
    reason: str


class Pay(Command, key="claim"):
    claim: str


class Close(Command, key="claim"):
    claim: str
    reason: str


class SendMail(Command, key="claim"):
    claim: str
    to: str


class AskWitness(Command, key="claim"):
    claim: str
    witness: str


class AskAnyone(Command, key="claim"):
    claim: str


class Confirm(Command, key="claim"):
    claim: str
    witness: str


class Expenses(Application, aggregates=[Expense]):
    """Keeps the claims; people decide on them here."""

    @handles(Claim)
    def claim(self, command: Claim) -> Expense:
        return Expense(command.claim, command.due, command.witnesses)

    @handles(Approve)
    def approve(self, command: Approve) -> Expense:
        expense = self.expense(command.claim)
        expense.approve(command.by)
        return expense

    @handles(Reject)
    def reject(self, command: Reject) -> Expense:
        expense = self.expense(command.claim)
        expense.reject(command.reason)
        return expense

    @handles(Pay)
    def pay(self, command: Pay) -> Expense:
        expense = self.expense(command.claim)
        expense.pay()
        return expense

    @handles(Close)
    def close_claim(self, command: Close) -> Expense:
        expense = self.expense(command.claim)
        expense.close(command.reason)
        return expense

    def expense(self, claim: str) -> Expense:
        found: Expense = self.repository.get(Expense.create_id(claim))
        return found


class Post(Application, aggregates=[Mail, Statement]):
    """Sends mails, by a server that is down for as long as `down` says."""

    down = 0
    """How many more calls fail."""

    @handles(SendMail)
    def send(self, command: SendMail, answer: str) -> Mail:
        return Mail._create(Mail.Sent, id=command.id, to=answer)

    @send.asks
    def ask_server(self, command: SendMail) -> str:
        if type(self).down > 0:
            type(self).down -= 1
            raise ConnectionError("the mail server is down")
        return command.to

    @handles(AskWitness)
    def ask(self, command: AskWitness) -> None:
        """Asks a witness, who answers by `Confirm`, or not."""

    @handles(Confirm)
    def confirm(self, command: Confirm) -> Statement:
        return Statement._create(Statement.Given, id=command.id, witness=command.witness)


def claim_of(claimed: Expense.Claimed) -> str:
    return claimed.claim


def due(saga: Saga) -> datetime:
    return saga[Expense.Claimed].due


@dataclass(frozen=True)
class Progress:
    """What an employee is told about a claim."""

    state: str
    decided_by: str | None


class Approval(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A claim that Bob approves within two days; he is reminded, and then his manager is."""

    approve = wait_for(done=Expense.Approved, refused=Expense.Rejected, within=hours(48))

    @approve.reminder(after=hours(10), every=hours(10), times=3)
    def remind_bob(self) -> SendMail:
        return SendMail(claim=self.key, to="Bob")

    @approve.reminder(after=hours(40))
    def tell_manager(self) -> SendMail:
        return SendMail(claim=self.key, to="Bob's manager")

    pay = step(Pay, done=Expense.Paid, kind=PIVOT)

    @on_compensated
    def close(self) -> Close:
        return Close(claim=self.key, reason=self.reason)

    @query
    def progress(self) -> Progress:
        by = self[Expense.Approved].by if Expense.Approved in self else None
        return Progress("approved" if by else "waiting", by)

    @query
    def number(self) -> int:
        return "one"  # type: ignore[return-value]

    @query
    def double_fee(self) -> int:
        raise ValueError("there is no fee")


class ApprovalByDate(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A claim that is approved until it is due, and within 48 hours at most."""

    approve = wait_for(done=Expense.Approved, refused=Expense.Rejected, within=hours(48), until=due)
    pay = step(Pay, done=Expense.Paid, kind=PIVOT)

    @on_compensated
    def close(self) -> Close:
        return Close(claim=self.key, reason=self.reason)


class SilenceIsConsent(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A claim that is paid where nobody objects until it is due."""

    approve = wait_for(done=Expense.Approved, refused=Expense.Rejected, until=due, optional=True)
    pay = step(Pay, done=Expense.Paid, kind=PIVOT)


class Witnesses(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A claim that every witness confirms until it is due, each reminded by name."""

    @step_for_each(
        lambda saga: saga[Expense.Claimed].witnesses,
        done=Statement.Given,
        kind=NO_EFFECT,
        until=due,
    )
    def ask(self, witness: str) -> AskWitness:
        return AskWitness(claim=self.key, witness=witness)

    @ask.reminder(after=hours(1))
    def remind_witness(self, witness: str) -> SendMail:
        return SendMail(claim=self.key, to=witness)

    pay = step(Pay, done=Expense.Paid, kind=PIVOT)


class ApproveInHisPlace(Saga, starts_on=Expense.Claimed, key=claim_of):
    """A saga of its own that approves every claim."""

    approve = step(Approve, done=Expense.Approved, kind=PIVOT)


SYSTEMS: dict[type[Saga], System] = {
    each: System(each.__name__, applications=[Expenses, Post], sagas=[each])
    for each in (Approval, ApprovalByDate, SilenceIsConsent, Witnesses)
}
"""Each as a system of its own: they lead the same claims."""

TWO_SAGAS = System("TwoSagas", applications=[Expenses, Post], sagas=[Approval, ApproveInHisPlace])

approval = SYSTEMS[Approval]
"""Found by command lines."""
