"""`sagaline timers`: what followers will do later."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import typer
from sqlalchemy import select

from sagaline.cli.listing import Listing
from sagaline.cli.options import looking_into
from sagaline.cli.stores import Stores
from sagaline.cli.terminal import AsJson, duration, moment, print_rows
from sagaline.storage.tables import timers
from sagaline.timeline import readable

program = typer.Typer(help="Look at timers.", no_args_is_help=True)


@program.callback()
def _timers() -> None:
    """Look at timers."""


@program.command("list")
def list_timers(ctx: typer.Context, json: AsJson = False) -> None:
    """List pending timers, the next one first."""
    with looking_into(ctx) as stores:
        found = sorted(_pending(stores), key=lambda each: (each["due_at"], each["id"]))
    if json:
        print_rows(found)
    else:
        _show(found)


def _pending(stores: Stores) -> Iterator[dict[str, Any]]:
    columns = ("id", "follower", "key", "topic", "due_at")
    query = select(*(timers.c[name] for name in columns))
    for datastore in stores.datastores:
        with datastore.read() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            due_at = datetime.fromtimestamp(row["due_at"], UTC)
            yield {**row, "command": readable(row["topic"]), "due_at": due_at}


def _show(found: list[dict[str, Any]]) -> None:
    rows = Listing("due", "#in", "?follower", "command", "?key", ">id")
    now = datetime.now(UTC)
    for each in found:
        left = max(0.0, (each["due_at"] - now).total_seconds())
        rows.add(
            moment(each["due_at"]), duration(left), each["follower"], each["command"],
            each["key"], each["id"],
        )  # fmt: skip
    rows.show()
