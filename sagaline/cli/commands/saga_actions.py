"""`sagaline sagas retry`, `skip`, `cancel`, `abandon`: actions of an operator on one instance.

The events are appended to the stream of the instance in one transaction, whether a runner is active
or not: its next hop continues from there.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from sqlalchemy import Connection

from sagaline.admin.saga_lookup import Instance, find_instance
from sagaline.application.message_handling import handling_of
from sagaline.application.saga_process import SagaProcess
from sagaline.cli.inspection import InspectedStores, inspected, system_and_environment
from sagaline.cli.options import By, OptionalReason, Reason, operator_name
from sagaline.cli.output import AsJson, print_json, print_note
from sagaline.runner.clock import StoreClock
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions, Operator
from sagaline.system.environment import environment

Id = Annotated[str, typer.Argument(metavar="ID", help="The saga's id, or its key: an order id.")]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The name of the step.")]


def retry(
    ctx: typer.Context, id: Id, reason: OptionalReason = "", by: By = None, json: AsJson = False
) -> None:
    """Issue the commands again of steps that are stuck or wait for their next attempt."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, id, "retry", lambda saga: saga.retry(operator), json)


def skip(
    ctx: typer.Context, id: Id, step: Step, reason: Reason, by: By = None, json: AsJson = False
) -> None:
    """Mark a stuck step, or undo, as done by hand."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, id, f"skip {step}", lambda saga: saga.skip(step, operator), json)


def cancel(
    ctx: typer.Context, id: Id, reason: OptionalReason = "", by: By = None, json: AsJson = False
) -> None:
    """Compensate a saga that has not reached its pivot."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, id, "cancel", lambda saga: saga.cancel(operator), json)


def abandon(
    ctx: typer.Context, id: Id, reason: Reason, by: By = None, json: AsJson = False
) -> None:
    """Close a saga in its present state."""
    operator = Operator(operator_name(by), reason)
    _act(ctx, id, "abandon", lambda saga: saga.abandon(operator), json)


def steered(
    ctx: typer.Context, stores: InspectedStores, id: str, act: Callable[[Interventions], None]
) -> Journal:
    """Act on the instance of this id, or key; return it after the action."""
    return steer(ctx, find_instance(stores.system.processes, stores.written, id), act)


def steer(
    ctx: typer.Context,
    found: Instance,
    act: Callable[[Interventions], None],
    also: Callable[[Connection], None] | None = None,
) -> Journal:
    """Act on this instance, and execute `also` in the same transaction; return it afterwards."""
    _, env = system_and_environment(ctx)
    process: SagaProcess = found.process(environment(env))
    handling_of(process).clock = StoreClock(process.datastore)
    try:
        return process.intervene(found.key, act, also, found.journal.run)
    finally:
        process.close()


def _act(
    ctx: typer.Context, id: str, what: str, act: Callable[[Interventions], None], json: bool
) -> None:
    with inspected(ctx) as stores:
        journal = steered(ctx, stores, id, act)
    if json:
        facts = {"saga_id": journal.id, "name": journal.saga, "key": journal.key}
        print_json({**facts, "action": what, "state": journal.state.value})
    else:
        print_note(f"{journal.saga} {journal.key}: {what} done, it is {journal.state.value}.")
