"""The settings of a PostgreSQL session on which values and guarantees depend.

A server's owner may set others for a role, a database or all sessions.
"""

from typing import Any, Final

from sqlalchemy import Connection

VALUES: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "client_encoding": "UTF8",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    # A policy that hides rows raises an error then; otherwise events would be left out in silence.
    "row_security": "off",
}
"""Settings that a URL cannot change either: the drivers' values and the SQL depend on them."""

DEFAULTS: Final = {
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "synchronous_commit": "on",
}
"""Settings that the URL may change (`options=-c ...`): the framework has limits of its own."""

ENCODING: Final = "UTF8"
"""The only encoding of a database that holds every text."""

READ_ONLY: Final = (
    "its transactions are read-only (default_transaction_read_only, or a standby server):"
    " change the setting of the role or the database, or name the primary server"
)


def _pinning() -> str:
    # By a query of what the server has: older ones do not know every setting.
    rows = [f"('{name}', '{value}', false)" for name, value in VALUES.items()]
    rows += [f"('{name}', '{value}', true)" for name, value in DEFAULTS.items()]
    return (
        "SELECT set_config(name, wanted, false) FROM pg_settings"
        f" JOIN (VALUES {', '.join(rows)}) AS pinned (name, wanted, is_default) USING (name)"
        " WHERE setting <> wanted AND NOT (is_default AND source = 'client')"
        # Its other values wait for the disk too.
        " AND (name <> 'synchronous_commit' OR setting = 'off')"
    )


_PIN: Final = _pinning()

_MARK: Final = 0x5A6A_5E55
"""The class of the advisory locks that mark the sessions of Sagaline, one for each schema. They are
shared, so nobody waits for them; the server drops one with its session."""

_TERMINATE: Final = (
    "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a"
    " JOIN pg_locks AS theirs ON theirs.pid = a.pid"
    " JOIN pg_locks AS mine USING (locktype, database, classid, objid, objsubid)"
    " WHERE mine.pid = pg_backend_pid() AND theirs.pid <> mine.pid AND a.usename = current_user"
    f" AND locktype = 'advisory' AND classid = {_MARK} AND objsubid = 2"
    " AND a.state = 'active' AND a.wait_event = 'ClientRead'"
    " AND a.state_change < clock_timestamp() - interval '{seconds} s'"
)


def pin(driver: Any, schema: str | None = None) -> None:
    """Sets a new session's settings, and marks it as one of the store's, in one round trip."""
    name = "NULL" if schema is None else "'{}'".format(schema.replace("'", "''"))
    where = f"hashtext(coalesce({name}, current_schema(), ''))"
    driver.execute(f"{_PIN}; SELECT pg_advisory_lock_shared({_MARK}, {where})")


def terminate_stuck_copies(connection: Connection, seconds: float) -> None:
    """Ends sessions of this store that have waited for rows of a COPY for so many seconds.

    Their processes are stopped, and no timeout of the server covers that. It is called after a lock
    wait has timed out, and before another runner's lease is acquired. It ends no session without
    the mark of this store, such as another program's or another tenant's.
    """
    connection.exec_driver_sql(_TERMINATE.format(seconds=seconds))


def unfit(driver: Any) -> str | None:
    """Why no session of this database can be used; None if one can. Needs no round trip."""
    encoding = driver.info.parameter_status("server_encoding")
    if encoding == ENCODING:
        return None
    return f"its encoding is {encoding}, which cannot hold every text: create it with {ENCODING}"


def is_read_only(connection: Connection) -> bool:
    """Whether the owner, or a standby server, admits no writes."""
    found: str = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one()
    return found == "on"
