"""The framework's own tables, which every store has beside its events tables."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from sagaline.storage.sql.checked import check_columns
from sagaline.storage.sql.columns import Moment

metadata = MetaData()

followers = Table(
    "followers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fence", BigInteger, nullable=False, default=0),
    Column("owner", Text),
    Column("lease_until", Double),  # seconds since 1970, on every database
)

runners = Table(
    "runners",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("wanted", Text, nullable=False),  # JSON: followers that it would run, and their loads
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
    Column("handled_at", Double),  # seconds since 1970; None in rows of version 0.1.0
    Index("commands_handled_idx", "handled_at"),
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
    Column("answers", Text),
    Column("metadata", Text),
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
    Column("parked_at", Moment, nullable=False),
    Index("dead_letters_key_idx", "key"),
)

port_calls = Table(
    "port_calls",
    metadata,
    Column("follower", Text, primary_key=True),
    Column("leader", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("key", Text),
    Column("topic", Text, nullable=False),
    Column("command", Text),
    Column("attempt", Integer),
    Column("since", Double, nullable=False),  # seconds since 1970
)

interventions = Table(
    "interventions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
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
    Column("shape", Text, nullable=False),  # JSON: part of the definition -> its shape
)

encodings = Table(
    "encodings",
    metadata,
    Column("application", Text, primary_key=True),
    Column("compressor", Text, nullable=False),
    Column("keys", Text, nullable=False),  # a JSON list of key ids
)

event_samples = Table(
    "event_samples",
    metadata,
    Column("log", Text, primary_key=True),  # the name of the events table
    Column("topic", Text, primary_key=True),
    Column("shape", Text, primary_key=True),
    Column("id", BigInteger, nullable=False),
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

check_columns(metadata)
