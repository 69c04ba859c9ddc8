"""`sagaline sagas retry`, `skip`, `cancel`, `abandon`: actions of an operator on one, or on many.

The events are appended to the stream of each instance in one transaction, whether a runner is
active or not: its next hop continues from there.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from sagaline.admin.saga_lookup import find_instance
from sagaline.cli.commands.audit import history
from sagaline.cli.commands.bulk import act_on_many
from sagaline.cli.inspection import inspected
from sagaline.cli.options import By, OptionalReason, Reason, operator_name
from sagaline.cli.output import AsJson, print_json, print_note
from sagaline.cli.selecting import Chosen, selecting
from sagaline.cli.steering import steer
from sagaline.errors import WrongCall
from sagaline.saga.interventions import Interventions, Operator
from sagaline.saga.state import Action

Id = Annotated[str, typer.Argument(metavar="ID", help="The saga's id, or its key: an order id.")]
OptionalId = Annotated[
    str | None, typer.Argument(metavar="ID", help="The saga's id, or its key: an order id.")
]
OptionalStep = Annotated[
    str | None, typer.Argument(metavar="STEP", help="The name of the step, after an ID.")
]


@selecting
def retry(
    ctx: typer.Context,
    chosen: Chosen,
    id: OptionalId = None,
    reason: OptionalReason = "",
    by: By = None,
    json: AsJson = False,
) -> None:
    """Issue the commands again of steps that are stuck or wait for their next attempt."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, Action.RETRY, chosen, id, operator, lambda saga: saga.retry(operator), json)


@selecting
def skip(
    ctx: typer.Context,
    chosen: Chosen,
    reason: Reason,
    id: OptionalId = None,
    step: OptionalStep = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Mark a stuck step, or undo, as done by hand."""
    operator, name = Operator(operator_name(by), reason), step or ""
    if id is not None and not name:
        cure = "Write sagas skip ID STEP: `sagas show ID` names the steps."
        raise WrongCall(where="skip", problem="it needs a step", cure=cure)
    _act(ctx, Action.SKIP, chosen, id, operator, lambda saga: saga.skip(name, operator), json, name)


@selecting
def cancel(
    ctx: typer.Context,
    chosen: Chosen,
    id: OptionalId = None,
    reason: OptionalReason = "",
    by: By = None,
    json: AsJson = False,
) -> None:
    """Compensate a saga that has not reached its pivot."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, Action.CANCEL, chosen, id, operator, lambda saga: saga.cancel(operator), json)


@selecting
def abandon(
    ctx: typer.Context,
    chosen: Chosen,
    reason: Reason,
    id: OptionalId = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Close a saga in its present state."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, Action.ABANDON, chosen, id, operator, lambda saga: saga.abandon(operator), json)


def show_history(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the acts of operators on many sagas; `sagas show` prints those on one."""
    history(ctx, (Action.RETRY, Action.SKIP, Action.CANCEL, Action.ABANDON), json)


def _act(
    ctx: typer.Context,
    action: Action,
    chosen: Chosen,
    id: str | None,
    by: Operator,
    act: Callable[[Interventions], None],
    json: bool,
    step: str = "",
) -> None:
    one = chosen.one(action.value, id)
    if one is None:
        act_on_many(ctx, action, chosen, by, json)
        return
    with inspected(ctx) as stores:
        journal = steer(ctx, find_instance(stores.system.processes, stores.written, one), act)
    what = f"{action.value} {step}".strip()
    if json:
        facts = {"saga_id": journal.id, "name": journal.saga, "key": journal.key}
        print_json({**facts, "action": what, "state": journal.state.value})
    else:
        print_note(f"{journal.saga} {journal.key}: {what} done, it is {journal.state.value}.")
