"""A bank: one application, and read models to build again from its log."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate, event
from sqlalchemy import JSON, Column, Index, Integer, MetaData, Table, Text, create_engine, text

from sagaline import Application, Command, ReadModel, Runner, System, handles, project
from sagaline.messaging.message import Message
from sagaline.storage.sql.columns import Uuid

BANK = UUID("7f1f3f0e-0000-4000-8000-000000000000")


class Account(Aggregate):
    class Opened(Aggregate.Created):
        owner: str

    class Paid(Aggregate.Event):
        amount: int

    class Closed(Aggregate.Event):
        pass

    @event(Opened)
    def __init__(self, id: UUID, owner: str) -> None:
        self.owner = owner

    @event(Paid)
    def pay(self, amount: int) -> None:
        pass

    @event(Closed)
    def close(self) -> None:
        pass


class Branch(Aggregate):
    """What nobody has founded yet."""

    class Founded(Aggregate.Created):
        town: str


class Open(Command, key="account_id"):
    account_id: UUID
    owner: str


class Pay(Command, key="account_id"):
    account_id: UUID
    amount: int


class Close(Command, key="account_id"):
    account_id: UUID


class Bank(Application, aggregates=[Account, Branch]):
    @handles(Open, loads=lambda command: [command.account_id])
    def open(self, command: Open) -> Account:
        return Account(id=command.account_id, owner=command.owner)

    @handles(Pay, loads=lambda command: [command.account_id])
    def pay(self, command: Pay) -> Account:
        account: Account = self.repository.get(command.account_id)
        account.pay(command.amount)
        return account

    @handles(Close, loads=lambda command: [command.account_id])
    def close_account(self, command: Close) -> Account:
        account: Account = self.repository.get(command.account_id)
        account.close()
        return account


metadata = MetaData()

balances = Table(
    "balances",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("paid", Integer, nullable=False, default=0),
    Column("times", Integer, nullable=False, default=0),
    Column("tags", JSON),
    Index("balances_owner", "owner"),
    Index("balances_by_paid", "paid"),
)

movements = Table(
    "movements",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("amount", Integer, nullable=False),
)

branches = Table("branches", metadata, Column("id", Uuid, primary_key=True), Column("town", Text))


class Trouble:
    """What goes wrong in the handlers of this process, and what they tell the outside."""

    def __init__(self) -> None:
        self.raising: set[int] = set()
        self.unwritable: set[int] = set()
        self.unforeseen: set[int] = set()
        self.letters: list[str] = []
        self.most_rows = 0


trouble = Trouble()


class Balances(ReadModel):
    """Sums, so that an event that is folded twice shows."""

    table = balances
    cached_rows = 8

    def keys_of(self, event: Any, message: Message) -> Iterable[Any]:
        if isinstance(event, Account.Paid) and event.amount in trouble.unforeseen:
            raise ValueError(f"no row is foreseen for {event.amount}")
        return (event.originator_id,)

    @project(Account.Opened)
    def opened(self, event: Account.Opened) -> None:
        self.rows[event.originator_id] = {"owner": event.owner, "tags": [event.owner, 1]}
        if not self.rebuilding:
            trouble.letters.append(event.owner)

    @project(Account.Paid)
    def paid(self, event: Account.Paid) -> None:
        if event.amount in trouble.raising:
            raise ValueError(f"what is {event.amount}?")
        row = self.rows[event.originator_id]
        row["paid"] += event.amount
        row["times"] += 1
        if event.amount in trouble.unwritable:
            row["owner"] = None
        trouble.most_rows = max(trouble.most_rows, len(self.rows._kept))

    @project(Account.Closed)
    def closed(self, event: Account.Closed) -> None:
        del self.rows[event.originator_id]


class Movements(ReadModel):
    table = movements
    cached_rows = 0

    @project(Account.Paid)
    def paid(self, event: Account.Paid, message: Message) -> None:
        self.rows[event.originator_id, message.id] = {"amount": event.amount}


class Branches(ReadModel):
    table = branches

    @project(Branch.Founded)
    def founded(self, event: Branch.Founded) -> None:
        self.rows[event.originator_id] = {"town": event.town}


system = System("bank", applications=[Bank], read_models=[Balances, Movements, Branches])


def account(number: int) -> UUID:
    return uuid5(BANK, str(number))


def opened(numbers: Iterable[int]) -> list[Command]:
    return [Open(account_id=account(each), owner=f"owner {each}") for each in numbers]


def paid(numbers: Iterable[int], amount: int = 1) -> list[Command]:
    return [Pay(account_id=account(each), amount=amount) for each in numbers]


def give(env: dict[str, str], commands: Sequence[Command]) -> None:
    """Has the bank do something, and all live tables follow."""
    with Runner(system, env) as runner:
        give_to(runner, commands)
        runner.settle()


def give_to(runner: Runner, commands: Sequence[Command]) -> None:
    for receipt in runner.get(Bank).execute(commands):
        assert receipt.error is None


def rows_of(url: str, table: str) -> list[tuple[Any, ...]]:
    return query(url, f"SELECT * FROM {table} ORDER BY 1, 2")


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]
    finally:
        engine.dispose()


def change(url: str, sql: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(sql))
    finally:
        engine.dispose()
