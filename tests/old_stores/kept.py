"""The old stores as they are kept: what there is, how a copy is made, and how one stands."""

import gzip
from pathlib import Path
from typing import Protocol, cast

import psycopg
from sqlalchemy import make_url

from sagaline import Runner, System
from tests.cli.command_line import CommandLine
from tests.old_stores import choreographed_shop, moves, shop
from tests.old_stores.stage import Stage

HERE = Path(__file__).parent


class Story(Protocol):
    """What happened in a store, and how everything in it ends."""

    SYSTEM: System
    APP: str
    TABLES: dict[str, str]

    def write(self, stage: Stage, run: CommandLine) -> None: ...
    def finish(self, stage: Stage, runner: Runner) -> None: ...
    def begin_another(self, runner: Runner) -> str: ...


STORIES = cast(
    "dict[str, Story]",
    {"shop": shop, "choreographed_shop": choreographed_shop, "removal_firm": moves},
)


def restore_sqlite(name: str, folder: Path) -> str:
    """Makes a copy of a SQLite store in a folder, and of the outside world's beside it."""
    folder.mkdir(exist_ok=True)
    for part in (name, f"{name}.outside"):
        kept = HERE / f"{part}.sqlite.gz"
        if kept.exists():
            (folder / f"{part}.sqlite").write_bytes(gzip.decompress(kept.read_bytes()))
    return f"sqlite:///{folder / name}.sqlite"


def restore_postgres(name: str, url: str) -> None:
    """Makes a copy of a PostgreSQL store in a new, empty database."""
    address = make_url(url).set(drivername="postgresql")
    dump = gzip.decompress((HERE / f"{name}.sql.gz").read_bytes())
    with psycopg.connect(address.render_as_string(hide_password=False)) as connection:
        connection.execute(dump)


def found(stage: Stage, story: Story) -> dict[str, list[list[str]]]:
    """How a store stands, by plain SELECTs: without positions and times of the day."""
    return stage.query(
        {
            "timers": "SELECT follower, topic, count(*) FROM timers GROUP BY follower, topic",
            "dead letters": "SELECT follower, key, error FROM dead_letters",
            "locks": "SELECT name, saga, key FROM saga_locks",
            **{table: f"SELECT {columns} FROM {table}" for table, columns in story.TABLES.items()},
        }
    )
