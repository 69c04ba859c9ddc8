"""`sagaline dead-letters`: the events that a follower could not take."""

from typing import Any

import typer

from sagaline.cli.listing import Listing
from sagaline.cli.options import looking_into
from sagaline.cli.program import needs_attention
from sagaline.cli.standing import letters
from sagaline.cli.terminal import AsJson, moment, print_rows
from sagaline.message import position
from sagaline.storage.dead_letters import Letter
from sagaline.timeline import readable

program = typer.Typer(help="Look at events that were parked.", no_args_is_help=True)


@program.callback()
def _dead_letters() -> None:
    """Look at events that were parked."""


@program.command("list")
def list_letters(ctx: typer.Context, json: AsJson = False) -> None:
    """List parked events, oldest first; the status is 1 where there are any."""
    with looking_into(ctx) as stores:
        found = letters(stores)
    if json:
        print_rows(_as_json(each) for each in found)
    else:
        _show(found)
    needs_attention(when=bool(found))


def _as_json(letter: Letter) -> dict[str, Any]:
    return {"id": _id(letter), "event": _event(letter), "type": readable(letter.topic)} | (
        letter._asdict()
    )


def _event(letter: Letter) -> str:
    """Where the event stands; a timer stands in no log."""
    return position(letter.leader, letter.position) if letter.position else letter.leader


def _id(letter: Letter) -> str:
    return f"{letter.follower}/{_event(letter)}"


def _show(found: list[Letter]) -> None:
    rows = Listing("follower", "event", "?type", "key", "?parked", ">error")
    for each in found:
        kind, parked = readable(each.topic), moment(each.parked_at)
        rows.add(each.follower, _event(each), kind, each.key, parked, each.error)
    rows.show()
