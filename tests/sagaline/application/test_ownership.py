"""An application saves its own aggregates, read from its own log, and no others."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate

from sagaline import Application, Command, Runner, System, handles
from sagaline.errors import NotStorable
from tests.sagaline.bank import Account, Bank
from tests.sagaline.small_system import env

ID = UUID("7f1f3f0e-0000-4000-8000-000000000001")


class SpecialAccount(Account):
    """It belongs where accounts do."""


class Note(Aggregate):
    class Written(Aggregate.Created): ...


class Take(Command, key="account_id"):
    account_id: UUID


class Return(Take):
    """Gives what was taken to `save`, in place of returning it."""


class Savings(Application, aggregates=[Account]):
    """Another application of the same aggregates, with a log of its own."""

    def __init__(self, env: Any = None) -> None:
        super().__init__(env)
        self.bank: Application = self

    @handles(Take)
    def take(self, command: Take) -> Account:
        return self.paid(command.account_id)

    @handles(Return)
    def give_back(self, command: Return) -> None:
        self.save(self.paid(command.account_id))

    def paid(self, account_id: UUID) -> Account:
        account: Account = self.bank.repository.get(account_id)
        account.pay(5)
        return account


class Diary(Application):
    """It declares no aggregates."""

    @handles(Take)
    def take(self, command: Take) -> Any:
        return Account(id=command.account_id, owner="diary")


def stored(url: str) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "sagaline.storage", **env(url)}


class TwoLogs:
    """Two applications outside of a system, in one store, both with an account of this id."""

    def __init__(self, url: str) -> None:
        self.bank, self.savings = Bank(stored(url)), Savings(stored(url))
        for application in (self.bank, self.savings):
            application.save(Account(id=ID, owner=application.name))
        self.savings.bank = self.bank

    def changed(self, application: Application) -> Account:
        """The account of one of them, after a payment that is not saved."""
        account: Account = application.repository.get(ID)
        account.pay(5)
        return account


@pytest.fixture
def logs(store_url: str) -> Iterator[TwoLogs]:
    logs = TwoLogs(store_url)
    yield logs
    logs.bank.close()
    logs.savings.close()


def test_two_applications_keep_one_aggregate_class_in_separate_logs(logs: TwoLogs) -> None:
    for application in (logs.bank, logs.savings):
        account = logs.changed(application)
        application.save(account)
        account.pay(6)
        application.save(account)
        assert application.repository.get(ID).owner == application.name
        assert application.repository.get(ID).version == 3


def test_an_aggregate_from_another_log_is_not_saved(logs: TwoLogs) -> None:
    with pytest.raises(NotStorable, match=r"Savings.save gave it, and it is not what its log has"):
        logs.savings.save(logs.changed(logs.bank))


@pytest.mark.parametrize("command", [Take, Return])
def test_a_handler_saves_no_aggregate_from_another_log(logs: TwoLogs, command: type[Take]) -> None:
    with pytest.raises(NotStorable, match="read it with the application's own repository"):
        logs.savings.execute_one(command(account_id=ID))
    assert logs.savings.repository.get(ID).version == 1
    new = Account(id=uuid4(), owner="bank")
    logs.bank.save(new)
    with pytest.raises(NotStorable, match="it is not what its log has"):
        logs.savings.execute_one(command(account_id=new.id))
    assert new.id not in logs.savings.repository


def test_a_handler_saves_an_aggregate_that_its_repository_read_apart(logs: TwoLogs) -> None:
    logs.savings.bank = logs.savings
    kept = logs.savings.repository.get(ID, version=1)
    logs.savings.bank = Kept(kept)  # type: ignore[assignment]  # a repository is all it needs
    logs.savings.execute_one(Take(account_id=ID))
    assert logs.savings.repository.get(ID).version == 2


class Kept:
    """An application whose repository has one aggregate, which was read before the handler."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.repository = self

    def get(self, _id: UUID) -> Account:
        return self.account


def test_an_aggregate_of_a_class_that_is_not_declared_is_not_saved(logs: TwoLogs) -> None:
    with pytest.raises(NotStorable, match="`aggregates` are Account: add Note to them"):
        logs.savings.save(Note())
    with pytest.raises(NotStorable, match=r"Note cannot be stored: Bank.save gave it"):
        logs.bank.save(Account(id=uuid4(), owner="bank"), Note())
    logs.savings.save(SpecialAccount(id=uuid4(), owner="savings"))


def test_an_application_without_aggregates_saves_none_of_another_in_its_system(
    store_url: str,
) -> None:
    system = System("money", applications=[Bank, Diary])
    with Runner(system, env(store_url)) as runner:
        diary = runner.get(Diary)
        with pytest.raises(NotStorable, match="it belongs to Bank: give Bank a command"):
            diary.execute_one(Take(account_id=ID))
        (opened,) = Account(id=ID, owner="diary").collect_events()
        with pytest.raises(NotStorable, match=r"Account.Opened cannot be stored: Diary.save"):
            diary.save(opened)
        diary.save(Note())
        runner.get(Bank).save(opened)


def test_an_application_without_aggregates_saves_any_outside_of_a_system(store_url: str) -> None:
    with Diary(stored(store_url)) as diary:
        diary.execute_one(Take(account_id=ID))
        assert diary.repository.get(ID).owner == "diary"
