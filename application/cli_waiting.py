"""`--wait POSITION`: a reader sees what it has just written."""

import re
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import Table, inspect

from application.cli_options import ReadTables
from sagaline import StoreUnusable
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.output import print_note
from sagaline.storage import Datastore
from sagaline.storage.tables.followers import read_position

LOOK = 0.02
"""Seconds between two looks."""

Wait = Annotated[
    str | None,
    typer.Option(metavar="POSITION", help="Wait until the view has seen it: orders:123."),
]
Timeout = Annotated[float, typer.Option(min=0, metavar="S", help="How long to wait, in seconds.")]


def await_tables(
    reading: ReadTables, tables: Sequence[Table], wait: str | None, timeout: float
) -> None:
    """Waits until these tables are there and have seen a position.

    Those that do not follow its log need not. Raises StoreUnusable where a table is missing.
    """
    if wait is not None:
        leader, wanted = _parsed(reading, wait)
        followers = [each.name for each in tables if leader in reading.system.leaders_of[each.name]]
        if not followers:
            names = ", ".join(each.name for each in tables)
            raise typer.BadParameter(f"{names} does not follow {leader}.", param_hint="--wait")
        _await(reading.datastore, followers, leader, wanted, timeout)
    _refuse_missing(reading.datastore, tables)


def _parsed(reading: ReadTables, wait: str) -> tuple[str, int]:
    written = re.fullmatch(r"(\w+):([0-9]{1,18})", wait, re.ASCII)
    for each in reading.system.members:
        if written is not None and each.name.lower() == written[1].lower():
            return each.name, int(written[2])
    raise typer.BadParameter(f"{wait!r} is not a position such as orders:123.", param_hint="--wait")


def _await(
    datastore: Datastore, followers: Sequence[str], leader: str, wanted: int, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while (reached := _reached(datastore, followers, leader)) < wanted:
        if time.monotonic() >= deadline:
            log = leader.lower()
            print_note(
                f"application: The view has not seen {log}:{wanted} within {timeout:g} s; "
                f"it is at {log}:{reached}. Is `sagaline run` running?"
            )
            needs_attention()
        time.sleep(LOOK)


def _reached(datastore: Datastore, followers: Sequence[str], leader: str) -> int:
    with datastore.read() as connection:
        return min(read_position(connection, each, leader) for each in followers)


def _refuse_missing(datastore: Datastore, tables: Sequence[Table]) -> None:
    with datastore.read() as connection:
        for each in tables:
            if not inspect(connection).has_table(each.name, datastore.schema):
                reason = f"it has no table {each.name} yet, which `sagaline run` makes"
                raise StoreUnusable(url=datastore.address, reason=reason)
