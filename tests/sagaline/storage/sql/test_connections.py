"""Which connection a transaction has: on a SQLite file, the one that was used last."""

from contextlib import suppress
from threading import Thread

from sqlalchemy import Connection

from sagaline.storage import Datastore


def driver_of(connection: Connection) -> object:
    """The connection of the driver, which the pool may give to another one of SQLAlchemy."""
    return connection.connection.dbapi_connection


def test_one_transaction_after_another_has_the_same_connection(sqlite_store: str) -> None:
    datastore = Datastore(url=sqlite_store)
    with datastore.write() as first:
        pass
    with datastore.read() as second:
        pass
    with datastore.write() as third:
        assert first is second is third
    datastore.close()


def test_a_read_after_a_write_begins_as_a_read(sqlite_store: str) -> None:
    datastore = Datastore(url=sqlite_store)
    other = Datastore(url=sqlite_store)
    with datastore.write():
        pass
    with datastore.read(), other.write() as connection:
        connection.exec_driver_sql("CREATE TABLE free (id INTEGER)")
    datastore.close()
    other.close()


def test_the_connection_of_a_failed_transaction_is_not_kept(sqlite_store: str) -> None:
    datastore = Datastore(url=sqlite_store)
    with suppress(ZeroDivisionError), datastore.write() as failed:
        raise ZeroDivisionError
    with datastore.read() as next_one:
        assert next_one is not failed
    datastore.close()


def test_a_closed_store_has_no_connection_left(sqlite_store: str) -> None:
    datastore = Datastore(url=sqlite_store)
    with datastore.write() as idle:
        pass
    datastore.close()
    assert idle.closed


def test_a_transaction_that_outlives_its_store_closes_its_connection(sqlite_store: str) -> None:
    datastore = Datastore(url=sqlite_store)
    with datastore.write() as late:
        datastore.close()
    assert late.closed


def test_two_threads_have_two_connections(sqlite_store: str) -> None:
    datastore = Datastore(url=sqlite_store)
    found: list[object] = []

    def read() -> None:
        with datastore.read() as connection:
            found.append(driver_of(connection))

    with datastore.read() as mine:
        thread = Thread(target=read)
        thread.start()
        thread.join()
        assert driver_of(mine) not in found
    assert len(found) == 1
    datastore.close()
