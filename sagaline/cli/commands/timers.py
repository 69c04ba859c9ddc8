"""`sagaline timers`: the pending timers of followers, and the actions on them."""

import json as json_
import re
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Connection, select

from sagaline.admin.entry import readable
from sagaline.cli.commands.audit import OperatorAction, Write, history, intervene
from sagaline.cli.inspection import InspectedLog, InspectedStores, inspected
from sagaline.cli.options import By, OptionalReason, operator_name
from sagaline.cli.output import AsJson, duration, moment, print_json, print_note, print_rows
from sagaline.cli.tables import Listing
from sagaline.errors import (
    TimerAmbiguous,
    TimerHeld,
    TimerUnknown,
    TimerUnreadable,
    UnfitValue,
    describe_error,
)
from sagaline.followers.timers import timer_state
from sagaline.runner.clock import StoreClock
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.schema import timers
from sagaline.storage.tables.timers import (
    HELD_DUE_AT,
    TimerRow,
    delete_timers,
    due_of,
    move_timer,
    timers_named,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As listed; FOLLOWER/ID where two have it.")]
When = Annotated[
    str,
    typer.Argument(metavar="WHEN", help="now, now+10m, or 2026-01-31T12:00 (UTC, or its zone)."),
]


def list_timers(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the pending timers, the next one first."""
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
            due_at = moment_at(row["due_at"])
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


def move(
    ctx: typer.Context,
    id: Id,
    when: When,
    reason: OptionalReason = "",
    by: By = None,
    json: AsJson = False,
) -> None:
    """Change the time of a timer. Raises TimerUnknown, TimerAmbiguous, TimerHeld or UnfitValue."""
    with inspected(ctx) as stores:
        moment_ = moment_of(when, StoreClock(stores.datastores[0])())
        timer = _named(stores, id)
        action = timer.action(
            Action.MOVE_TIMER, Operator(operator_name(by), reason), f"to {moment(moment_)} UTC"
        )
        _change(
            ctx, stores, timer, action, lambda c: move_timer(c, timer.follower, timer.id, moment_)
        )
    _print_result(timer, f"moved to {moment(moment_)} UTC", json, due_at=moment_)


def cancel(
    ctx: typer.Context, id: Id, reason: OptionalReason = "", by: By = None, json: AsJson = False
) -> None:
    """Delete a timer. Raises TimerUnknown, TimerAmbiguous or TimerHeld."""
    with inspected(ctx) as stores:
        timer = _named(stores, id)
        action = timer.action(Action.CANCEL_TIMER, Operator(operator_name(by), reason))
        _change(ctx, stores, timer, action, lambda c: delete_timers(c, timer.follower, [timer.id]))
    _print_result(timer, "cancelled", json)


def show_history(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the actions of operators on timers."""
    history(ctx, (Action.MOVE_TIMER, Action.CANCEL_TIMER), json)


class _Timer(NamedTuple):
    """A timer; `step` is the step of the saga that it belongs to, if there is one."""

    datastore: Datastore
    follower: str
    id: str
    key: str | None
    step: str

    def action(self, action: Action, by: Operator, details: str = "") -> OperatorAction:
        """Return an operator's action on it."""
        about = f"{self.follower}/{self.id}"
        return OperatorAction(action, by, self.follower, about, self.key, self.step, details)


def _change(
    ctx: typer.Context, stores: InspectedStores, timer: _Timer, action: OperatorAction, write: Write
) -> None:
    """Change one timer, and raise the fence so that a runner that is about to fire it reads it."""

    def change(connection: Connection) -> None:
        raise_fence(connection, timer.follower)
        due_at = due_of(connection, timer.follower, timer.id)
        if due_at is None:
            raise TimerUnknown(id=timer.id)  # it has fired since it was found
        if due_at >= HELD_DUE_AT:
            raise TimerHeld(id=timer.id)
        write(connection)

    intervene(ctx, stores, timer.datastore, action, change)


def _named(stores: InspectedStores, id: str) -> _Timer:
    """Return the timer of this id; the follower may stand before it: ``Payments/settle:1``."""
    found: list[_Timer] = []
    for datastore in stores.datastores:
        with datastore.read() as connection:
            for follower, row in timers_named(connection, id):
                step = _step_of(row, stores.logs.get(follower), follower)
                found.append(_Timer(datastore, follower, row.id, row.key, step))
    if not found:
        raise TimerUnknown(id=id)
    if len(found) > 1:
        ids = ", ".join(f"{each.follower}/{each.id}" for each in found)
        raise TimerAmbiguous(id=id, ids=ids)
    return found[0]


def _step_of(row: TimerRow, log: InspectedLog | None, follower: str) -> str:
    """The step of the saga that a timer belongs to; empty for another timer."""
    try:
        command = json_.loads(timer_state(follower, row, None if log is None else log.mapper))
    except ValueError as error:
        raise TimerUnreadable(id=f"{follower}/{row.id}", reason=describe_error(error)) from error
    return str(command.get("step", "")) if isinstance(command, dict) else ""


def _print_result(timer: _Timer, what: str, json: bool, **facts: Any) -> None:
    if json:
        print_json({"follower": timer.follower, "id": timer.id, **facts})
    else:
        print_note(f"{timer.follower}/{timer.id}: {what}.")


def moment_at(seconds: float) -> datetime:
    """The moment of a due time; the first or the last year for one beyond it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime(MINYEAR if seconds < 0 else MAXYEAR, 1, 1, tzinfo=UTC)


_FROM_NOW = re.compile(r"now([+-])(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def moment_of(text: str, now: datetime, sign: str = "+") -> datetime:
    """Read a time from text: ``now``, ``now+10m``, or ISO 8601, in UTC or its zone.

    With the sign ``-`` it reads ``now-10m`` in place of ``now+10m``. Raises UnfitValue for
    anything else.
    """
    found = _FROM_NOW.fullmatch(text)
    try:
        if text == "now":
            return now
        if found is not None and found[1] == sign:
            return now + timedelta(seconds=float(f"{sign}{found[2]}") * _UNITS[found[3]])
        moment_ = datetime.fromisoformat(text)
        return moment_.replace(tzinfo=UTC) if moment_.tzinfo is None else moment_.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        reason = f"write now, now{sign}10m, or 2026-01-31T12:00, from year 1 to year 9999 in UTC"
        raise UnfitValue(value=text, kind="a moment", reason=reason) from error
