"""What is particular to PostgreSQL outside the log: locks of a transaction and of creation."""

import selectors
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DisconnectionError

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Takes descriptors above 1,024 wherever the system has `poll`, which Windows lacks."""

LOCK_TIMEOUT = 5.0
"""Seconds that a transaction waits for a lock; then it is a storage fault."""

SILENCE_TIMEOUT = 4.0
"""Seconds that a write may send nothing; then the server ends it, and its locks with it.

As long as a lease: whoever takes one over must not find its rows locked by who lost it.
"""

STUCK = 1.0
"""Seconds that a COPY may wait for its rows, when somebody takes over from its process."""

PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""How long a server may not answer, and its machine, where the URL does not say: in seconds, but
the last, in milliseconds. By the system's own limits it takes hours to notice that one is gone."""

CREATION_TIMEOUT = 60.0
"""Seconds to queue behind others who create tables: many may start at once on a busy machine."""

FILLED = 50
"""Per cent of a page that new rows may fill, where rows are changed soon after. A changed row then
has room in the same page, and the indexes need not be told: it takes two fifths of the time, and in
the end less room, as what becomes free in a page is used again."""

_CREATION = 0x5A6A_11E5
"""The advisory lock that those who create tables queue for."""

_CLAIMS = 0x5A6A_10C5
"""The advisory lock that those who claim or release semantic locks queue for."""

LOGS = 0x5A6A_1065
"""The advisory locks that those who write to a log queue for, one for each table."""


def connect_args(url: URL) -> dict[str, Any]:
    """What a connection is made with, where its URL does not say."""
    usual = {"fallback_application_name": "sagaline", **PATIENCE}
    return {name: value for name, value in usual.items() if name not in url.query}


def begin(connection: Connection, waiting: float, silence: float | None = None) -> None:
    """Begins a transaction, and bounds how long it waits for locks, and keeps its own in silence.

    A process that is stopped while it writes, or whose machine is gone, would otherwise hold up
    everybody else forever. All in one journey to the server, by the driver, which commits by itself
    otherwise: SQLAlchemy's own way takes a journey more.
    """
    limits = {"lock_timeout": waiting}
    if silence is not None:
        limits["idle_in_transaction_session_timeout"] = silence
    set_local = "".join(f"; SET LOCAL {k} = {int(v * 1000)}" for k, v in limits.items())
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED{set_local}")


def refuse_ended(driver: Any, record: Any, _: object) -> None:
    """Raises DisconnectionError for a pooled connection that the server has ended: it is replaced.

    Of the end the server tells, so something has come in; to ask it would be a journey. A new
    connection is not looked at: the pool makes one once, and to refuse that one too would be taken
    for a mistake of the program.
    """
    if "was_used" not in record.info:  # which the pool empties with every new connection
        record.info["was_used"] = True
        return
    if driver.closed:
        raise DisconnectionError
    with _Selector() as selector:
        selector.register(driver.fileno(), selectors.EVENT_READ)
        if selector.select(0):
            raise DisconnectionError


def end_stuck(connection: Connection, seconds: float) -> None:
    """Ends those who were stopped in the midst of a COPY that they began so long ago.

    No timeout of the server does. Whoever takes over from them ends them, and who has waited for a
    lock in vain. Any role may end its own sessions; those that are meant bear the same name as this
    one.
    """
    connection.exec_driver_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user"
        " AND application_name = current_setting('application_name')"
        " AND state = 'active' AND wait_event = 'ClientRead'"
        f" AND state_change < clock_timestamp() - interval '{seconds} s'"
    )


def leave_room(connection: Connection, table: str) -> None:
    """Lets rows that are added from now on leave room for what becomes of them."""
    connection.exec_driver_sql(f"ALTER TABLE {table} SET (fillfactor = {FILLED})")


def lock_creation(connection: Connection) -> None:
    """Lets one process at a time create tables: IF NOT EXISTS is no help in a race."""
    usual = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(CREATION_TIMEOUT * 1000)}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{usual}'")


def lock_claims(connection: Connection) -> None:
    """Lets one transaction at a time claim or release semantic locks."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CLAIMS})")
