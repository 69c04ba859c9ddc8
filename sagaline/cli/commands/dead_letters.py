"""`sagaline dead-letters`: the parked events of followers, and the actions on them."""

from typing import Annotated, Any

import typer
from rich.text import Text

from sagaline.admin.dead_letters import discard, retry
from sagaline.admin.entry import readable
from sagaline.cli.commands.audit import OperatorAction, history, intervene
from sagaline.cli.commands.bulk import act_on_many
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspected, system_and_environment
from sagaline.cli.options import By, OptionalReason, Reason, operator_name
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
from sagaline.cli.queries import letters, letters_in
from sagaline.cli.selecting import Chosen, selecting
from sagaline.cli.tables import Listing
from sagaline.errors import LetterUnknown
from sagaline.runner.runner import Runner
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter

Id = Annotated[str, typer.Argument(metavar="ID", help="As listed: FOLLOWER/LOG:N.")]
OptionalId = Annotated[str | None, typer.Argument(metavar="ID", help="As listed: FOLLOWER/LOG:N.")]


def list_letters(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the parked events; exit with 1 where there are any."""
    with inspected(ctx) as stores:
        found = letters(stores)
    if json:
        print_rows(_as_json(each) for each in found)
    else:
        _show(found)
    needs_attention(when=bool(found))


def show_letter(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Print one parked event, with the traceback of its handler."""
    with inspected(ctx) as stores:
        _, letter = _named(stores, id)
    if json:
        print_json(_as_json(letter))
    else:
        _show_one(letter)


@selecting
def retry_letter(
    ctx: typer.Context,
    chosen: Chosen,
    id: OptionalId = None,
    reason: OptionalReason = "",
    by: By = None,
    json: AsJson = False,
) -> None:
    """Process parked events again, and those of their keys; exit with 1 where one fails again."""
    operator, one = Operator(operator_name(by), reason), chosen.one("retry", id)
    if one is None:
        act_on_many(ctx, Action.RETRY_LETTER, chosen, operator, json)
    else:
        _retry_one(ctx, one, operator, json)


def _retry_one(ctx: typer.Context, id: str, by: Operator, json: bool) -> None:
    with inspected(ctx) as stores:
        datastore, letter = _named(stores, id)
        intervene(ctx, stores, datastore, _action(Action.RETRY_LETTER, by, letter), lambda _: None)
        system, env = system_and_environment(ctx)
        runner = Runner(system, env, only=[letter.follower])
        try:
            done = retry(runner, letter)
        finally:
            runner.stop()
    if json:
        print_json({"id": letter.id, "key": letter.key, **done._asdict()})
    elif done.error is None:
        print_note(f"{letter.id}: {counted(done.taken, 'event')} processed.")
    else:
        counts = f"{done.taken} processed, {done.left} left"
        print_note(f"{letter.id}: {counts}; the next one fails: {done.error}")
    needs_attention(when=done.error is not None)


@selecting
def discard_letter(
    ctx: typer.Context,
    chosen: Chosen,
    reason: Reason,
    id: OptionalId = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Delete parked events: they are never processed."""
    operator, one = Operator(operator_name(by), reason), chosen.one("discard", id)
    if one is None:
        act_on_many(ctx, Action.DISCARD_LETTER, chosen, operator, json)
    else:
        _discard_one(ctx, one, operator, json)


def _discard_one(ctx: typer.Context, id: str, by: Operator, json: bool) -> None:
    """Delete a parked event, and name the first of its key that is still parked."""
    with inspected(ctx) as stores:
        datastore, letter = _named(stores, id)
        action = _action(Action.DISCARD_LETTER, by, letter)
        intervene(ctx, stores, datastore, action, lambda connection: discard(connection, letter))
        rest = [each for each in letters(stores) if _is_queued_with(each, letter)]
    if json:
        print_json({"id": letter.id, "key": letter.key, "left": len(rest)})
    else:
        print_note(f"{letter.id}: discarded.")
        for each in rest[:1]:
            print_note(f"{counted(len(rest), 'event')} of {each.key} still parked: retry {each.id}")


def show_history(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the actions of operators on parked events."""
    history(ctx, (Action.RETRY_LETTER, Action.DISCARD_LETTER), json)


def _action(action: Action, by: Operator, letter: Letter) -> OperatorAction:
    return OperatorAction(action, by, letter.follower, letter.id, letter.key)


def _is_queued_with(other: Letter, letter: Letter) -> bool:
    return letter.key is not None and other[:1] == letter[:1] and other.key == letter.key


def _named(stores: InspectedStores, id: str) -> tuple[Datastore, Letter]:
    """Return the letter of this id, and its store. Raises LetterUnknown."""
    for datastore in stores.datastores:
        for each in letters_in(stores, datastore):
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
        # `printable` removes the indent of a line.
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
