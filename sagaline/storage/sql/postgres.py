"""PostgreSQL: the settings of connections, the timeouts of transactions, and advisory locks."""

import selectors
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DisconnectionError

from sagaline.storage.sql.descriptor_selector import Selector

LOCK_TIMEOUT = 5.0
"""Seconds that a transaction waits for a lock; then it fails with a storage fault."""

SILENCE_TIMEOUT = 4.0
"""Seconds that a write may send nothing; then the server ends it and releases its locks.

As long as a lease, so that the next owner of a lease does not find rows locked by the last one.
"""

STUCK_COPY_TIMEOUT = 1.0
"""Seconds that a COPY may wait for its rows once another runner acquires its process's lease."""

CONNECTION_TIMEOUTS = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Limits after which a silent server or machine counts as gone, unless the URL sets others: in
seconds, the last one in milliseconds. The system's own limits are hours."""

CREATION_TIMEOUT = 60.0
"""Seconds to queue for the creation of tables, which many processes may start at once."""

FILL_FACTOR = 50
"""Per cent of a page that new rows may fill, for tables whose rows change soon after. A changed row
then stays in its page, and the indexes stay untouched: a change takes 40 % of the time, and the
table ends up smaller, because freed space in a page is used again."""

_CREATION_LOCK = 0x5A6A_11E5
"""The advisory lock of processes that create tables."""

_SAGA_LOCKS_LOCK = 0x5A6A_10C5
"""The advisory lock of transactions that request or release semantic locks."""

LOG_LOCKS = 0x5A6A_1065
"""The class of the advisory locks of writers to a log, one for each table."""


def connect_args(url: URL) -> dict[str, Any]:
    """The arguments of a connection that its URL does not set."""
    defaults = {"fallback_application_name": "sagaline", **CONNECTION_TIMEOUTS}
    asked = {name: value for name, value in defaults.items() if name not in url.query}
    # From the first query on: what the driver reads of the server must be text.
    return {**asked, "client_encoding": "UTF8"}


def begin_with_timeouts(
    connection: Connection, waiting: float, silence: float | None = None
) -> None:
    """Begins a transaction that waits at most so many seconds for a lock, or for its client.

    Without a limit a process that stops while it writes, or whose machine is gone, would block all
    others forever. One round trip by the driver, which commits by itself otherwise; SQLAlchemy
    takes one more.
    """
    limits = {"lock_timeout": waiting}
    if silence is not None:
        limits["idle_in_transaction_session_timeout"] = silence
    set_local = "".join(f"; SET LOCAL {k} = {int(v * 1000)}" for k, v in limits.items())
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED{set_local}")


def refuse_ended(driver: Any, record: Any, _: object) -> None:
    """Raises DisconnectionError for a pooled connection that the server has ended: it is replaced.

    The server announces the end, so there is something to read; a query would take a round trip.
    New connections are not checked: the pool replaces a connection once, and treats a second
    DisconnectionError as a mistake of the program.
    """
    if "was_used" not in record.info:  # the pool clears this with every new connection
        record.info["was_used"] = True
        return
    if driver.closed:
        raise DisconnectionError
    with Selector() as selector:
        selector.register(driver.fileno(), selectors.EVENT_READ)
        if selector.select(0):
            raise DisconnectionError


def leave_room(connection: Connection, table: str) -> None:
    """Makes rows that are added from now on leave room in their page for later changes."""
    connection.exec_driver_sql(f"ALTER TABLE {table} SET (fillfactor = {FILL_FACTOR})")


def lock_creation(connection: Connection) -> None:
    """Lets one process at a time create tables: IF NOT EXISTS alone fails in a race."""
    usual = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(CREATION_TIMEOUT * 1000)}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{usual}'")


def lock_saga_locks(connection: Connection) -> None:
    """Lets one transaction at a time request or release semantic locks."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SAGA_LOCKS_LOCK})")
