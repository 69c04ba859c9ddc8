"""The projector of a read model: batches of events become rows in a real store."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.utils import get_topic
from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, event, inspect, select

from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project
from sagaline.read_model.projector import Projector, copy_of
from sagaline.storage import Datastore
from sagaline.storage.sql.columns import Uuid
from sagaline.storage.tables.creation import create_tables
from tests.sagaline.storage.stores import opened

ANN, BOB = UUID(int=1), UUID(int=2)


class Opened(Aggregate.Event):
    owner: str


class Paid(Aggregate.Event):
    amount: int


class PaidByCard(Paid):
    pass


class Closed(Aggregate.Event):
    pass


accounts = Table(
    "accounts",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("paid", Integer, nullable=False, default=0),
    Index("accounts_owner", "owner"),
    Index("most_paid", "paid"),
)

letters: list[str] = []


class Accounts(ReadModel):
    table = accounts

    @project(Opened)
    def opened(self, event: Opened) -> None:
        self.rows[event.originator_id] = {"owner": event.owner}
        if not self.rebuilding:
            letters.append(event.owner)

    @project(Paid)
    def paid(self, event: Paid) -> None:
        self.rows[event.originator_id]["paid"] += event.amount

    @project(Closed)
    def closed(self, event: Closed, message: Message) -> None:
        assert message.event is event
        del self.rows[event.originator_id]


places = Table(
    "places",
    MetaData(),
    Column("application", Text, primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
)


class Places(ReadModel):
    """The position of each event; a model that reads none of its rows."""

    table = places
    cached_rows = 0

    @project()
    def happened(self, event: Any, message: Message) -> None:
        self.rows[message.application, message.id] = {"key": message.key}


@pytest.fixture
def store(store_url: str) -> Iterator[Datastore]:
    datastore = Datastore.open(store_url)
    create_tables(datastore)
    yield datastore
    datastore.close()


def happened(kind: type[Any], who: UUID, **fields: Any) -> Any:
    return kind(originator_id=who, originator_version=1, timestamp=datetime.now(UTC), **fields)


_ids = count(1)


def messages(*events: Any, keyed: bool = True) -> list[Message]:
    return [
        Message(
            "Bank",
            next(_ids),
            get_topic(type(each)),
            key=str(each.originator_id) if keyed else None,
            event=each,
        )
        for each in events
    ]


def projector_in(store: Datastore, model: type[ReadModel] = Accounts, **options: Any) -> Projector:
    projector = Projector(model, store, **options)
    with store.write() as connection:
        projector.create_table(connection)
    return projector


def fold(store: Datastore, projector: Projector, batch: Sequence[Message]) -> None:
    projector.prepare(batch)
    for message in batch:
        projector.handle(message)
    with store.write() as connection:
        projector.write(connection)
    projector.after_commit()


def rows_in(store: Datastore, table: Table = accounts) -> list[tuple[Any, ...]]:
    with store.read() as connection:
        query = select(table).order_by(*table.primary_key.columns)
        return [tuple(row) for row in connection.execute(query)]


def test_a_batch_is_folded_and_each_row_is_written_once(store: Datastore) -> None:
    projector = projector_in(store)
    batch = messages(
        happened(Opened, ANN, owner="Ann"),
        happened(Opened, BOB, owner="Bob"),
        *(happened(PaidByCard, ANN, amount=2) for _ in range(50)),
        happened(Closed, BOB),
    )
    fold(store, projector, batch)
    assert rows_in(store) == [(ANN, "Ann", 100)]


def test_the_rows_of_a_batch_are_read_with_one_statement(store: Datastore) -> None:
    fold(
        store,
        projector_in(store),
        messages(*(happened(Opened, UUID(int=n), owner="x") for n in range(100))),
    )
    another = projector_in(store)
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    batch = messages(*(happened(Paid, UUID(int=n % 100), amount=1) for n in range(300)))
    fold(store, another, batch)
    assert sum(each.startswith("SELECT") and "owner" in each for each in seen) == 1
    assert sum(each.startswith("UPDATE") for each in seen) == 1
    assert {paid for _, _, paid in rows_in(store)} == {3}


def test_an_event_without_a_handler_changes_nothing(store: Datastore) -> None:
    projector = projector_in(store)
    fold(store, projector, messages(happened(Aggregate.Event, ANN)))
    assert rows_in(store) == []


def test_a_model_may_handle_every_event_with_a_key(store: Datastore) -> None:
    projector = projector_in(store, Places)
    assert projector.topics is None
    batch = messages(happened(Opened, ANN, owner="Ann"), happened(Aggregate.Event, BOB))
    fold(store, projector, batch)
    fold(store, projector, messages(happened(Paid, ANN, amount=1), keyed=False))
    assert [key for _, _, key in rows_in(store, places)] == [str(ANN), str(BOB)]


def test_a_batch_that_was_rolled_back_changes_no_row(store: Datastore) -> None:
    projector = projector_in(store)
    fold(store, projector, messages(happened(Opened, ANN, owner="Ann")))
    projector.prepare([])
    projector.handle(messages(happened(Paid, ANN, amount=1))[0])
    with pytest.raises(KeyError):
        projector.handle(messages(happened(Paid, BOB, amount=1))[0])
    projector.roll_back()
    fold(store, projector, messages(happened(Paid, ANN, amount=1)))
    assert rows_in(store) == [(ANN, "Ann", 1)]


def test_a_copy_of_the_table_has_indexes_of_its_own(store: Datastore) -> None:
    copy = copy_of(accounts, "accounts_2")
    live, shadow = projector_in(store), projector_in(store, table=copy, rebuilding=True)
    assert (live.name, shadow.name) == ("accounts", "accounts")
    letters.clear()
    history = [happened(Opened, ANN, owner="Ann"), happened(Paid, ANN, amount=5)]
    fold(store, live, messages(*history))
    fold(store, shadow, messages(*history))
    assert rows_in(store) == rows_in(store, copy) == [(ANN, "Ann", 5)]
    assert letters == ["Ann"]
    with store.read() as connection:
        names = {
            index["name"]
            for table in ("accounts", "accounts_2")
            for index in inspect(connection).get_indexes(table)
        }
    assert names == {"accounts_owner", "most_paid", "accounts_2_owner", "accounts_2_most_paid"}


def test_indexes_may_be_created_after_the_rows(store: Datastore) -> None:
    projector = Projector(Accounts, store)
    with store.write() as connection:
        projector.create_table(connection, indexed=False)
        assert inspect(connection).get_indexes("accounts") == []
    fold(store, projector, messages(happened(Opened, ANN, owner="Ann")))
    with store.write() as connection:
        projector.finish_table(connection)
        assert len(inspect(connection).get_indexes("accounts")) == 2


def test_a_table_of_rows_that_change_leaves_room_in_its_pages(postgres_store: str) -> None:
    class Receipts(Accounts):
        table = copy_of(accounts, "receipts")
        cached_rows = 0

    with opened(postgres_store, schema="shop") as datastore:
        create_tables(datastore)
        with datastore.write() as connection:
            for model in (Accounts, Receipts):
                Projector(model, datastore).create_table(connection)
            query = (
                "SELECT relname, reloptions FROM pg_class WHERE relname IN ('accounts', 'receipts')"
            )
            options = dict(connection.exec_driver_sql(query).tuples().all())
    assert options == {"accounts": ["fillfactor=50"], "receipts": None}


def test_a_table_may_be_created_by_several_projectors_at_once(store_url: str) -> None:
    def start(_: int) -> None:
        datastore = Datastore(url=store_url)
        projector_in(datastore)
        datastore.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(8)))
    datastore = Datastore.open(store_url)
    assert rows_in(datastore) == []
    datastore.close()
