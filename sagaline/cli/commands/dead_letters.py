"""`sagaline dead-letters`: the events that a follower could not take, and what becomes of them."""

from typing import Annotated, Any

import typer
from rich.text import Text

from sagaline.admin.dead_letters import discard, retry
from sagaline.admin.timeline import readable
from sagaline.cli.commands.audit import Deed, history, intervene
from sagaline.cli.commands.saga_actions import Why
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores
from sagaline.cli.options import By, Reason, inspected, system_and_environment, who
from sagaline.cli.output import (
    AsJson,
    counted,
    facts,
    moment,
    print_json,
    print_note,
    print_rows,
    printable,
    show,
)
from sagaline.cli.queries import letters
from sagaline.cli.tables import Listing
from sagaline.errors import LetterUnknown
from sagaline.runner.runner import Runner
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, all_letters

Id = Annotated[str, typer.Argument(metavar="ID", help="As listed: FOLLOWER/LOG:N.")]

program = typer.Typer(
    help="Look at events that were parked, retry or discard them.", no_args_is_help=True
)


@program.callback()
def _dead_letters() -> None:
    """Look at events that were parked, retry or discard them."""


@program.command("list")
def list_letters(ctx: typer.Context, json: AsJson = False) -> None:
    """List parked events, oldest first; the status is 1 where there are any."""
    with inspected(ctx) as stores:
        found = letters(stores)
    if json:
        print_rows(_as_json(each) for each in found)
    else:
        _show(found)
    needs_attention(when=bool(found))


@program.command("show")
def show_letter(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show one parked event, and where its handler failed."""
    with inspected(ctx) as stores:
        _, letter = _named(stores, id)
    if json:
        print_json(_as_json(letter))
    else:
        _show_one(letter)


@program.command("retry")
def retry_letter(
    ctx: typer.Context, id: Id, reason: Why = "", by: By = None, json: AsJson = False
) -> None:
    """Let the follower take a parked event after all, and those of its key that wait behind it.

    They are taken in the order of their coming, whichever of them was named. The status is 1 where
    one fails again: it stays, and so do those behind it.
    """
    with inspected(ctx) as stores:
        datastore, letter = _named(stores, id)
        deed = _deed(Action.RETRY_LETTER, Operator(who(by), reason), letter)
        intervene(ctx, stores, datastore, deed, lambda _: None)
        system, env = system_and_environment(ctx)
        runner = Runner(system, env, only=[letter.follower])
        try:
            done = retry(runner, letter)
        finally:
            runner.stop()
    if json:
        print_json({"id": letter.id, "key": letter.key, **done._asdict()})
    elif done.error is None:
        print_note(f"{letter.id}: {counted(done.taken, 'event')} taken.")
    else:
        print_note(
            f"{letter.id}: {done.taken} taken, {done.left} left; the next one fails: {done.error}"
        )
    needs_attention(when=done.error is not None)


@program.command("discard")
def discard_letter(
    ctx: typer.Context, id: Id, reason: Reason, by: By = None, json: AsJson = False
) -> None:
    """Throw a parked event away: its follower will never take it."""
    with inspected(ctx) as stores:
        datastore, letter = _named(stores, id)
        deed = _deed(Action.DISCARD_LETTER, Operator(who(by), reason), letter)
        intervene(ctx, stores, datastore, deed, lambda connection: discard(connection, letter))
        behind = [each for each in letters(stores) if _waits_behind(each, letter)]
    if json:
        print_json({"id": letter.id, "key": letter.key, "left": len(behind)})
    else:
        print_note(f"{letter.id}: discarded.")
        for each in behind[:1]:
            print_note(
                f"{counted(len(behind), 'event')} of {each.key} still there: retry {each.id}"
            )


@program.command("history")
def show_history(ctx: typer.Context, json: AsJson = False) -> None:
    """List which parked events people have retried or discarded: who, when and why."""
    history(ctx, (Action.RETRY_LETTER, Action.DISCARD_LETTER), json)


def _deed(action: Action, by: Operator, letter: Letter) -> Deed:
    return Deed(action, by, letter.follower, letter.id, letter.key)


def _waits_behind(other: Letter, letter: Letter) -> bool:
    return letter.key is not None and other[:1] == letter[:1] and other.key == letter.key


def _named(stores: InspectedStores, id: str) -> tuple[Datastore, Letter]:
    """The letter of this id. Raises LetterUnknown."""
    for datastore in stores.datastores:
        with datastore.read() as connection:
            for each in all_letters(connection):
                if each.id == id:
                    return datastore, each
    raise LetterUnknown(id=id)


def _show_one(letter: Letter) -> None:
    kind, parked = readable(letter.topic), moment(letter.parked_at)
    show(
        facts(
            [
                ("id", letter.id),
                ("type", kind),
                ("key", letter.key),
                ("parked", f"{parked} UTC, after {counted(letter.attempts, 'attempt')}"),
                ("error", letter.error),
            ]
        )
    )
    for line in letter.traceback.splitlines():
        # One by one, since what makes a line printable would take its indent.
        show(Text(f"  {' ' * (len(line) - len(line.lstrip()))}{printable(line)}"))


def _as_json(letter: Letter) -> dict[str, Any]:
    return {"id": letter.id, "event": letter.place, "type": readable(letter.topic)} | (
        letter._asdict()
    )


def _show(found: list[Letter]) -> None:
    rows = Listing("id", "?type", "key", "?parked", ">error")
    for each in found:
        kind, parked = readable(each.topic), moment(each.parked_at)
        rows.add(each.id, kind, each.key, parked, each.error)
    rows.show()
