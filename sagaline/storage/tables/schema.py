"""The framework's own tables, which every store has beside its events tables."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine


class UtcTime(TypeDecorator[datetime]):
    """A moment: TIMESTAMP WITH TIME ZONE on PostgreSQL, ISO 8601 text in UTC on SQLite.

    SQLite has no type for it, and text in one form sorts as the moments do.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database has no moments."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Brings the moment to UTC; one without a time zone is refused, as it could be any."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Gives the moment back in UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


metadata = MetaData()

followers = Table(
    "followers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fence", BigInteger, nullable=False, default=0),
    Column("owner", Text),
    Column("lease_until", Double),  # seconds since 1970, so that databases and clocks agree
)

runners = Table(
    "runners",
    metadata,
    Column("owner", Text, primary_key=True),
    Column(
        "wanted", Text, nullable=False
    ),  # JSON: the followers that it would lead, and their loads
    Column("alive_until", Double, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("follower", Text, primary_key=True),
    Column("leader", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("application", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("position", BigInteger),
)

timers = Table(
    "timers",
    metadata,
    Column("follower", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("due_at", Double, nullable=False),  # seconds since 1970
    Column("topic", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("key", Text),
    Column("cause", Text),
    Column("hop", Integer),
    Index("timers_due_idx", "follower", "due_at"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("follower", Text, primary_key=True),
    Column("leader", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text),
    Column("topic", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("traceback", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("parked_at", UtcTime, nullable=False),
    Index("dead_letters_key_idx", "key"),
)

interventions = Table(
    "interventions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("key", Text),
    Column("reason", Text, nullable=False),
)

store = Table(
    "store",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("system", Text),
    Column("applications", Text, nullable=False),  # a JSON list of names
)

read_tables = Table(
    "read_tables",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
)

definitions = Table(
    "definitions",
    metadata,
    Column("saga", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("shape", Text, nullable=False),  # JSON: part of the definition -> what it says
)

saga_locks = Table(
    "saga_locks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),
    Column("saga", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("since", Double, nullable=False),  # seconds since 1970
    Index("saga_locks_key_idx", "saga", "key"),
    Index("saga_locks_ticket_idx", "ticket"),
)
