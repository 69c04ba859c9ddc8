"""`sagaline sagas query`: prints what an instance tells about itself."""

from typing import Annotated

import typer

from sagaline.admin.saga_lookup import find_instance
from sagaline.application.saga_queries import plain_answer, query_named
from sagaline.cli.commands.saga_actions import Id
from sagaline.cli.inspection import inspected
from sagaline.cli.output import AsJson, cell, facts, print_json, show
from sagaline.saga.versions import version_for

Name = Annotated[str, typer.Argument(metavar="NAME", help="A query that the saga declares.")]


def query(ctx: typer.Context, id: Id, name: Name, json: AsJson = False) -> None:
    """Print the answer of an instance. Raises SagaUnknown, QueryUnknown and QueryFailed."""
    with inspected(ctx) as stores:
        found = find_instance(stores.system.processes, stores.written, id)
    saga = version_for(found.process.saga, found.journal.fingerprint)
    plain = plain_answer(saga, found.journal, query_named(saga, name))
    if json:
        print_json(plain)
    elif isinstance(plain, dict) and plain:
        show(facts([(str(name), cell(value)) for name, value in plain.items()]))
    else:
        show(cell(plain))
