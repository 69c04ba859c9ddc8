"""`sagaline sagas retry`, `skip`, `cancel`, `abandon`: a person acts on one instance.

The events go into the instance's own stream, in one transaction, whether a runner is at work or
none: the next one goes on from there.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from sqlalchemy import Connection

from sagaline.admin.saga_lookup import Instance, find_instance
from sagaline.application.message_handling import handling_of
from sagaline.application.saga_process import SagaProcess
from sagaline.cli.inspection import InspectedStores
from sagaline.cli.options import By, Reason, inspected, system_and_environment, who
from sagaline.cli.output import AsJson, print_json, print_note
from sagaline.runner.clock import StoreClock
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions, Operator
from sagaline.system.environment import environment

Id = Annotated[str, typer.Argument(metavar="ID", help="The saga's id, or its key: an order id.")]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The name of the step.")]
Why = Annotated[str, typer.Option("--reason", metavar="R", help="Why, if it should be recorded.")]


def retry(
    ctx: typer.Context, id: Id, reason: Why = "", by: By = None, json: AsJson = False
) -> None:
    """Ask again for what is stuck, or what waits for its next attempt."""
    person = Operator(who(by), reason)
    _act(ctx, id, "retry", lambda saga: saga.retry(person), json)


def skip(
    ctx: typer.Context, id: Id, step: Step, reason: Reason, by: By = None, json: AsJson = False
) -> None:
    """Take a step, or an undo, that is stuck for dealt with by hand."""
    person = Operator(who(by), reason)
    _act(ctx, id, f"skip {step}", lambda saga: saga.skip(step, person), json)


def cancel(
    ctx: typer.Context, id: Id, reason: Why = "", by: By = None, json: AsJson = False
) -> None:
    """Turn a saga round that has not reached its point of no return: it undoes what it did."""
    person = Operator(who(by), reason)
    _act(ctx, id, "cancel", lambda saga: saga.cancel(person), json)


def abandon(
    ctx: typer.Context, id: Id, reason: Reason, by: By = None, json: AsJson = False
) -> None:
    """Close a saga as it is: nothing more is done or undone."""
    person = Operator(who(by), reason)
    _act(ctx, id, "abandon", lambda saga: saga.abandon(person), json)


def steered(
    ctx: typer.Context, stores: InspectedStores, id: str, act: Callable[[Interventions], None]
) -> Journal:
    """Acts on the instance of this id, or key; returns it as it is then."""
    return steer(ctx, find_instance(stores.system.processes, stores.written, id), act)


def steer(
    ctx: typer.Context,
    found: Instance,
    act: Callable[[Interventions], None],
    also: Callable[[Connection], None] | None = None,
) -> Journal:
    """Acts on this instance, and does what else is to be done in one transaction with it."""
    _, env = system_and_environment(ctx)
    process: SagaProcess = found.process(environment(env))
    handling_of(process).clock = StoreClock(process.datastore)
    try:
        return process.intervene(found.key, act, also)
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
