"""`sagaline sagas`: the saga instances of a system, and what a person may do to one."""

from typing import Annotated

import typer

from sagaline.cli.commands.saga_actions import abandon, cancel, retry, skip
from sagaline.cli.commands.saga_show import show_saga
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores
from sagaline.cli.options import inspected
from sagaline.cli.output import AsJson, moment, print_rows, show
from sagaline.cli.queries import sagas, sagas_by_state
from sagaline.cli.tables import Listing, within_reach
from sagaline.saga.state import State

SHOWN = 50
"""Instances shown to people, where nothing else is asked for."""

program = typer.Typer(help="Look at saga instances, and act on one.", no_args_is_help=True)

InState = Annotated[State | None, typer.Option("--state", help="Those in one state only.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        callback=within_reach,
        help=f"At most N, newest first. [{SHOWN}; with --json all]",
    ),
]


@program.callback()
def _sagas() -> None:
    """Look at saga instances, and act on one."""


@program.command("list")
def list_sagas(
    ctx: typer.Context, state: InState = None, limit: Limit = None, json: AsJson = False
) -> None:
    """List saga instances, newest first; the status is 1 where one of them is parked."""
    states = State if state is None else (state,)
    with inspected(ctx) as stores:
        counts = sagas_by_state(stores, states)
        if json:
            print_rows(sagas(stores, state, limit))
        else:
            _show(stores, state, limit or SHOWN, sum(counts.values()))
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


program.command("show")(show_saga)
for _command in (retry, skip, cancel, abandon):
    program.command()(_command)
