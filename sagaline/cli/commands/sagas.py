"""`sagaline sagas list`: prints the saga instances of a system."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from sagaline.cli.attention import late, show_late
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspected
from sagaline.cli.output import AsJson, moment, print_rows, show
from sagaline.cli.queries import sagas, sagas_by_state
from sagaline.cli.tables import Listing, clamp_limit
from sagaline.runner.held_up import HeldUp, held_up
from sagaline.saga.state import State

DEFAULT_LIMIT = 50
"""Instances printed for people without --limit."""

InState = Annotated[State | None, typer.Option("--state", help="Only instances in this state.")]
IsLate = Annotated[
    bool, typer.Option("--late", help="Only sagas and steps that take longer than expected.")
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        callback=clamp_limit,
        help=f"At most N, newest first. [{DEFAULT_LIMIT}; with --json all]",
    ),
]


def list_sagas(
    ctx: typer.Context,
    state: InState = None,
    is_late: IsLate = False,
    limit: Limit = None,
    json: AsJson = False,
) -> None:
    """Print saga instances; exit with 1 where one is parked, late, or behind a dead letter."""
    with inspected(ctx) as stores:
        if is_late:
            _list_late(stores, state, limit, json)
            return
        counts = sagas_by_state(stores, State if state is None else (state,))
        held = _Held.of(stores)
        if json:
            print_rows(map(held.marked, sagas(stores, state, limit)))
        else:
            rows = map(held.marked, sagas(stores, state, limit or DEFAULT_LIMIT))
            _show(rows, sum(counts.values()))
    needs_attention(when=bool(counts.get(State.PARKED.value)) or held.is_any)


def _list_late(stores: InspectedStores, state: State | None, limit: int | None, json: bool) -> None:
    found = [each for each in late(stores) if state is None or each.state == state.value][:limit]
    if json:
        print_rows(each.as_json() for each in found)
    else:
        show_late(found, empty="There are none.")
    needs_attention(when=bool(found))


class _Held:
    """The sagas that wait behind dead letters, by name and key."""

    def __init__(self, letters: Mapping[tuple[str, str | None], HeldUp]) -> None:
        self._letters = letters
        self.is_any = False
        """Whether one of the instances that were marked waits behind one."""

    @classmethod
    def of(cls, stores: InspectedStores) -> "_Held":
        """Read the letters."""
        return cls({(e.saga, e.key): e for e in held_up(stores.system, stores.datastores)})

    def marked(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row of an instance with the letter that holds it up, if one does."""
        held = self._letters.get((row["name"], row["key"])) if row["ended_at"] is None else None
        if held is None:
            return {**row, "dead_letter": None, "cure": ""}
        self.is_any = True
        reason = "; ".join(filter(None, (row["reason"], held.words)))
        return {**row, "reason": reason, "dead_letter": held.letter, "cure": held.cure}


def _show(found: Iterable[dict[str, Any]], count: int) -> None:
    rows = Listing("key", "state", "?saga", "?started", "step", ">reason")
    for each in found:
        is_stuck = each["state"] == State.PARKED.value or each["dead_letter"]
        style = "red" if is_stuck else ""
        rows.add(
            each["key"], each["state"], each["name"], moment(each["started_at"]), each["step"],
            each["reason"], style=style,
        )  # fmt: skip
    rows.show()
    if count > len(rows):
        show(f"... and {count - len(rows):,} more: --limit {count}")
