"""`sagaline sagas list`: prints the saga instances of a system."""

from typing import Annotated

import typer

from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspected
from sagaline.cli.output import AsJson, moment, print_rows, show
from sagaline.cli.queries import sagas, sagas_by_state
from sagaline.cli.tables import Listing, clamp_limit
from sagaline.saga.state import State

DEFAULT_LIMIT = 50
"""Instances printed for people without --limit."""

InState = Annotated[State | None, typer.Option("--state", help="Only instances in this state.")]
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
    ctx: typer.Context, state: InState = None, limit: Limit = None, json: AsJson = False
) -> None:
    """Print saga instances; exit with 1 where one of them is parked."""
    states = State if state is None else (state,)
    with inspected(ctx) as stores:
        counts = sagas_by_state(stores, states)
        if json:
            print_rows(sagas(stores, state, limit))
        else:
            _show(stores, state, limit or DEFAULT_LIMIT, sum(counts.values()))
    needs_attention(when=bool(counts.get(State.PARKED.value)))


def _show(stores: InspectedStores, state: State | None, limit: int, count: int) -> None:
    rows = Listing("key", "state", "?saga", "?started", "step", ">reason")
    for each in sagas(stores, state, limit):
        style = "red" if each["state"] == State.PARKED.value else ""
        rows.add(
            each["key"], each["state"], each["name"], moment(each["started_at"]), each["step"],
            each["reason"], style=style,
        )  # fmt: skip
    rows.show()
    if count > len(rows):
        show(f"... and {count - len(rows):,} more: --limit {count}")
