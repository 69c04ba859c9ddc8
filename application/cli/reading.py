"""Reads the read tables, at once or when they have reached a position (`--wait orders:123`)."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from sqlalchemy import Connection, Table

from application.cli.stores import environment_of, system_of
from sagaline import StoreUnusable, System
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import has_table, views
from sagaline.cli.output import print_note
from sagaline.storage import Datastore
from sagaline.storage.tables.followers import read_position
from sagaline.system.environment import environment, views_at

POLL_INTERVAL = 0.02
"""Seconds between two looks at a view's position."""


@contextmanager
def reading(
    ctx: typer.Context, tables: Sequence[Table], wait: str | None, timeout: float
) -> Iterator[Connection]:
    """Opens the store of these read tables alone: the logs may be out of reach.

    Waits first, if a position is given. Raises StoreUnusable where a table is missing.
    """
    datastore = Datastore.open(*views_at(environment(environment_of(ctx))))
    try:
        system = system_of(ctx, datastore)
    finally:
        datastore.close()
    with views(system, environment_of(ctx)) as datastore:
        if wait is not None:
            _wait(datastore, system, tables, wait, timeout)
        _refuse_missing(datastore, tables)
        with datastore.read() as connection:
            yield connection


def _wait(
    datastore: Datastore, system: System, tables: Sequence[Table], wait: str, timeout: float
) -> None:
    """Waits for those of the tables that follow the log of this position."""
    leader, wanted = _parsed(system, wait)
    followers = [each.name for each in tables if leader in system.leaders_of[each.name]]
    if not followers:
        names = ", ".join(each.name for each in tables)
        raise typer.BadParameter(f"{names} does not follow {leader}.", param_hint="--wait")
    deadline = time.monotonic() + timeout
    while (reached := _reached(datastore, followers, leader)) < wanted:
        if time.monotonic() >= deadline:
            log = leader.lower()
            print_note(
                f"application: The view has not seen {log}:{wanted} within {timeout:g} s; "
                f"it is at {log}:{reached}. Is `sagaline run` running?"
            )
            needs_attention()
        time.sleep(POLL_INTERVAL)


def _parsed(system: System, wait: str) -> tuple[str, int]:
    written = re.fullmatch(r"(\w+):([0-9]{1,18})", wait, re.ASCII)
    for each in system.members:
        if written is not None and each.name.lower() == written[1].lower():
            return each.name, int(written[2])
    raise typer.BadParameter(f"{wait!r} is not a position such as orders:123.", param_hint="--wait")


def _reached(datastore: Datastore, followers: Sequence[str], leader: str) -> int:
    with datastore.read() as connection:
        return min(read_position(connection, each, leader) for each in followers)


def _refuse_missing(datastore: Datastore, tables: Sequence[Table]) -> None:
    for each in tables:
        if not has_table(datastore, each):
            reason = f"it has no table {each.name} yet, which `sagaline run` makes"
            raise StoreUnusable(url=datastore.address, reason=reason)
