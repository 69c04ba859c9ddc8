"""`sagaline timers`: what followers will do later, and a person's hand on it."""

import json as json_
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Connection, select

from sagaline.admin.timeline import readable
from sagaline.cli.commands.audit import Deed, Write, history, intervene
from sagaline.cli.commands.saga_actions import Why
from sagaline.cli.inspection import InspectedStores
from sagaline.cli.options import By, inspected, who
from sagaline.cli.output import AsJson, duration, moment, print_json, print_note, print_rows
from sagaline.cli.tables import Listing
from sagaline.errors import TimerAmbiguous, TimerHeld, TimerUnknown, UnfitValue
from sagaline.runner.clock import StoreClock
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.schema import timers
from sagaline.storage.tables.timers import (
    HELD_DUE_AT,
    delete_timers,
    due_of,
    move_timer,
    timers_named,
)

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
    with inspected(ctx) as stores:
        found = sorted(_pending(stores), key=lambda each: (each["due_at"], each["id"]))
    if json:
        print_rows(found)
    else:
        _show(found)


def _pending(stores: InspectedStores) -> Iterator[dict[str, Any]]:
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
        left: float | None = max(0.0, (each["due_at"] - now).total_seconds())
        due = moment(each["due_at"])
        if each["due_at"].timestamp() >= HELD_DUE_AT:
            due, left = "with its dead letter", None
        rows.add(
            due, duration(left), each["follower"], each["command"],
            each["key"], each["id"],
        )  # fmt: skip
    rows.show()


@program.command("move")
def move(
    ctx: typer.Context, id: Id, when: When, reason: Why = "", by: By = None, json: AsJson = False
) -> None:
    """Let a timer fire at another time: once, and exactly then."""
    with inspected(ctx) as stores:
        moment_ = moment_of(when, StoreClock(stores.datastores[0])())
        timer = _named(stores, id)
        deed = timer.deed(Action.MOVE_TIMER, Operator(who(by), reason), f"to {moment(moment_)} UTC")
        _change(
            ctx, stores, timer, deed, lambda c: move_timer(c, timer.follower, timer.id, moment_)
        )
    _told(timer, f"moved to {moment(moment_)} UTC", json, due_at=moment_)


@program.command("cancel")
def cancel(
    ctx: typer.Context, id: Id, reason: Why = "", by: By = None, json: AsJson = False
) -> None:
    """Take a timer back: it will not fire."""
    with inspected(ctx) as stores:
        timer = _named(stores, id)
        deed = timer.deed(Action.CANCEL_TIMER, Operator(who(by), reason))
        _change(ctx, stores, timer, deed, lambda c: delete_timers(c, timer.follower, [timer.id]))
    _told(timer, "cancelled", json)


@program.command("history")
def show_history(ctx: typer.Context, json: AsJson = False) -> None:
    """List which timers people have moved or cancelled: who, when and why."""
    history(ctx, (Action.MOVE_TIMER, Action.CANCEL_TIMER), json)


class _Timer(NamedTuple):
    """A timer as it was found; `step` is the saga's step that it is about, if there is one."""

    datastore: Datastore
    follower: str
    id: str
    key: str | None
    step: str

    def deed(self, action: Action, by: Operator, what: str = "") -> Deed:
        """What a person does to it."""
        about = f"{self.follower}/{self.id}"
        return Deed(action, by, self.follower, about, self.key, self.step, what)


def _change(
    ctx: typer.Context, stores: InspectedStores, timer: _Timer, deed: Deed, write: Write
) -> None:
    """Changes one timer, so that a runner that is about to fire it looks again."""

    def change(connection: Connection) -> None:
        raise_fence(connection, timer.follower)
        due_at = due_of(connection, timer.follower, timer.id)
        if due_at is None:
            raise TimerUnknown(id=timer.id)  # it has fired meanwhile
        if due_at >= HELD_DUE_AT:
            raise TimerHeld(id=timer.id)
        write(connection)

    intervene(ctx, stores, timer.datastore, deed, change)


def _named(stores: InspectedStores, id: str) -> _Timer:
    """The timer of this id, which may be written behind its follower: ``Payments/settle:1``."""
    found: list[_Timer] = []
    for datastore in stores.datastores:
        with datastore.read() as connection:
            for follower, row in timers_named(connection, id):
                step = json_.loads(row.state).get("step", "")
                found.append(_Timer(datastore, follower, row.id, row.key, step))
    if not found:
        raise TimerUnknown(id=id)
    if len(found) > 1:
        ids = ", ".join(f"{each.follower}/{each.id}" for each in found)
        raise TimerAmbiguous(id=id, ids=ids)
    return found[0]


def _told(timer: _Timer, what: str, json: bool, **facts: Any) -> None:
    if json:
        print_json({"follower": timer.follower, "id": timer.id, **facts})
    else:
        print_note(f"{timer.follower}/{timer.id}: {what}.")


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
