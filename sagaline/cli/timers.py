"""`sagaline timers`: what followers will do later, and a person's hand on it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Connection, select

from sagaline.cli.listing import Listing
from sagaline.cli.options import looking_into
from sagaline.cli.stores import Stores
from sagaline.cli.terminal import AsJson, duration, moment, print_json, print_rows, say
from sagaline.clock import StoreClock
from sagaline.errors import TimerAmbiguous, TimerHeld, TimerUnknown, UnfitValue
from sagaline.storage import Datastore
from sagaline.storage.followers import bump
from sagaline.storage.tables import timers
from sagaline.storage.timers import HELD, delete_timers, due_of, move_timer, timers_named
from sagaline.timeline import readable

program = typer.Typer(help="Look at timers, move and cancel them.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="As listed; FOLLOWER/ID where two have it.")]
When = Annotated[
    str, typer.Argument(metavar="WHEN", help="now, +10m, or 2026-01-31T12:00 (UTC, or its zone).")
]


@program.callback()
def _timers() -> None:
    """Look at timers, move and cancel them."""


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
    rows = Listing("?due", "#in", "?follower", "command", "?key", "id")
    now = datetime.now(UTC)
    for each in found:
        left = max(0.0, (each["due_at"] - now).total_seconds())
        rows.add(
            moment(each["due_at"]), duration(left), each["follower"], each["command"],
            each["key"], each["id"],
        )  # fmt: skip
    rows.show()


@program.command("move")
def move(ctx: typer.Context, id: Id, when: When, json: AsJson = False) -> None:
    """Let a timer fire at another time: once, and exactly then."""
    with looking_into(ctx) as stores:
        moment_ = moment_of(when, StoreClock(stores.datastores[0])())
        row = _change(stores, id, lambda connection, row: move_timer(connection, *row, moment_))
    _told(row, f"moved to {moment(moment_)} UTC", json, due_at=moment_)


@program.command("cancel")
def cancel(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Take a timer back: it will not fire."""
    with looking_into(ctx) as stores:
        row = _change(
            stores, id, lambda connection, row: delete_timers(connection, row.follower, [row.id])
        )
    _told(row, "cancelled", json)


class _Timer(NamedTuple):
    follower: str
    id: str


def _change(stores: Stores, id: str, change: Callable[[Connection, _Timer], None]) -> _Timer:
    """Changes one timer, so that a runner that is about to fire it looks again."""
    datastore, found = _named(stores, id)
    with datastore.write() as connection:
        bump(connection, found.follower)
        due_at = due_of(connection, *found)
        if due_at is None:
            raise TimerUnknown(id=id)  # it has fired meanwhile
        if due_at >= HELD:
            raise TimerHeld(id=id)
        change(connection, found)
    return found


def _named(stores: Stores, id: str) -> tuple[Datastore, _Timer]:
    """The timer of this id, which may be written behind its follower: ``Payments/settle:1``."""
    found: list[tuple[Datastore, _Timer]] = []
    for datastore in stores.datastores:
        with datastore.read() as connection:
            names = [_Timer(*each) for each in timers_named(connection, id)]
        found += [(datastore, each) for each in names]
    if not found:
        raise TimerUnknown(id=id)
    if len(found) > 1:
        ids = ", ".join(f"{each.follower}/{each.id}" for _, each in found)
        raise TimerAmbiguous(id=id, ids=ids)
    return found[0]


def _told(timer: _Timer, what: str, json: bool, **facts: Any) -> None:
    if json:
        print_json({**timer._asdict(), **facts})
    else:
        say(f"{timer.follower}/{timer.id}: {what}.")


_AHEAD = re.compile(r"\+(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def moment_of(text: str, now: datetime) -> datetime:
    """A moment as a person writes it: ``now``, ``+10m`` from now, or ISO 8601, in UTC or its zone.

    Raises UnfitValue for anything else.
    """
    ahead = _AHEAD.fullmatch(text)
    try:
        if text == "now":
            return now
        if ahead is not None:
            return now + timedelta(seconds=float(ahead[1]) * _UNITS[ahead[2]])
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        reason = "write now, +10m, or 2026-01-31T12:00"
        raise UnfitValue(value=text, kind="a moment", reason=reason) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
