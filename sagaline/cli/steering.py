"""Acts on one saga instance, whether a runner is active or not."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import typer
from sqlalchemy import Connection

from sagaline.admin.saga_lookup import Instance
from sagaline.application.message_handling import handling_of
from sagaline.application.saga_process import SagaProcess
from sagaline.cli.inspection import system_and_environment
from sagaline.runner.clock import StoreClock
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.system.environment import environment


def steer(
    ctx: typer.Context,
    found: Instance,
    act: Callable[[Interventions], None],
    also: Callable[[Connection], None] | None = None,
) -> Journal:
    """Act on this instance, and execute `also` in the same transaction; return it afterwards."""
    with process_of(ctx, found) as process:
        return process.intervene(found.key, act, also, found.journal.run)


@contextmanager
def process_of(ctx: typer.Context, found: Instance) -> Iterator[SagaProcess]:
    """Open the application of an instance, on the clock of its store."""
    _, env = system_and_environment(ctx)
    with closing(found.process(environment(env))) as process:
        handling_of(process).clock = StoreClock(process.datastore)
        yield process
