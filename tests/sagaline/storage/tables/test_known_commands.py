"""Known commands: whose an id is, and how long it is known."""

from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, text

from sagaline.storage import Datastore
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.known_commands import (
    KnownCommand,
    KnownCommands,
    forget_commands,
    is_command_old,
)
from sagaline.storage.tables.schema import commands
from tests.sagaline.storage.stores import opened, outside

DAY = 86_400.0
NOW = 20_000 * DAY


def remember(datastore: Datastore, application: str, id: UUID, at: float = NOW) -> None:
    with datastore.write() as connection:
        known = KnownCommands(connection, application, [id])
        known.remember(connection, {id: KnownCommand(f"digest of {application}", 7)}, at)


def found(datastore: Datastore, application: str, id: UUID) -> KnownCommand | None:
    with datastore.read() as connection:
        return KnownCommands(connection, application, [id]).found.get(id)


def count(datastore: Datastore) -> int:
    with datastore.read() as connection:
        return connection.execute(select(func.count()).select_from(commands)).scalar_one()


def tidy(datastore: Datastore, before: float, rows: int = 100) -> bool:
    with datastore.write() as connection:
        is_old = is_command_old(connection, before)
        forget_commands(connection, before, NOW, rows)
        return is_old


def test_each_application_knows_its_own_commands(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        id_ = uuid4()
        for each in ("Orders", "Bills", "Stock"):
            assert found(datastore, each, id_) is None
            remember(datastore, each, id_)
        for each in ("Orders", "Bills", "Stock"):
            assert found(datastore, each, id_) == KnownCommand(f"digest of {each}", 7)


def test_an_application_knows_its_command_when_that_of_another_is_forgotten(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        id_ = uuid4()
        remember(datastore, "Orders", id_, NOW - DAY)
        remember(datastore, "Bills", id_)
        assert tidy(datastore, before=NOW - 1)
        assert found(datastore, "Orders", id_) is None
        assert found(datastore, "Bills", id_) is not None


def test_the_oldest_commands_are_forgotten_a_few_at_a_time(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        ids = [uuid4() for _ in range(7)]
        for age, id_ in enumerate(ids):
            remember(datastore, "Orders", id_, NOW - age * DAY)
        left = []
        while tidy(datastore, before=NOW - 2 * DAY, rows=2):
            left.append(count(datastore))
        assert left == [5, 3]
        assert [found(datastore, "Orders", each) is not None for each in ids] == [True] * 3 + [
            False
        ] * 4


def test_commands_of_version_0_1_0_count_as_new(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        id_ = uuid4()
        old = {"id": str(id_), "application": "Orders", "digest": "x", "position": 7}
        with datastore.write() as connection:
            connection.execute(insert(commands), [old])
        assert tidy(datastore, before=NOW - DAY)
        assert found(datastore, "Orders", id_) == KnownCommand("x", 7)
        assert not tidy(datastore, before=NOW - DAY)
        assert tidy(datastore, before=NOW + DAY)
        assert count(datastore) == 0


def test_a_table_of_version_0_1_0_gets_what_it_lacks(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        remember(datastore, "Orders", UUID(int=1))
    with outside(store_url) as connection:
        connection.execute(text("DROP INDEX commands_handled_idx"))
        connection.execute(text("ALTER TABLE commands DROP COLUMN handled_at"))
    with opened(store_url) as datastore:
        create_tables(datastore)
        assert found(datastore, "Orders", UUID(int=1)) is not None
        remember(datastore, "Orders", UUID(int=2))
        assert count(datastore) == 2
