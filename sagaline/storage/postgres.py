"""What is particular to PostgreSQL outside the log: locks of a transaction and of creation."""

from sqlalchemy import Connection

LOCK_TIMEOUT = 5.0
"""Seconds that a write waits for a lock; then it is a storage fault, and tried again."""

CONNECT_TIMEOUT = 10
"""Seconds for a server to answer, where the URL has no `connect_timeout`."""

CREATION_TIMEOUT = 60.0
"""Seconds to queue behind others who create tables: many may start at once on a busy machine."""

_CREATION = 0x5A6A_11E5
"""The advisory lock that those who create tables queue for."""

_CLAIMS = 0x5A6A_10C5
"""The advisory lock that those who claim or release semantic locks queue for."""


def limit_waiting(connection: Connection, seconds: float) -> None:
    """Bounds the waiting for locks in this transaction.

    A process that was stopped in its transaction would otherwise hold up everybody else forever.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")


def lock_creation(connection: Connection) -> None:
    """Lets one process at a time create tables: IF NOT EXISTS is no help in a race."""
    usual = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
    limit_waiting(connection, CREATION_TIMEOUT)
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{usual}'")


def lock_claims(connection: Connection) -> None:
    """Lets one transaction at a time claim or release semantic locks."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CLAIMS})")
