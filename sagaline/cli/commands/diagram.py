"""`sagaline diagram`: prints the system, or one saga, as Mermaid."""

from typing import Annotated

import typer

from sagaline.cli.output import AsJson, print_json
from sagaline.cli.settings import settings_of
from sagaline.errors import NameUnknown
from sagaline.system.saga_diagram import saga_diagram
from sagaline.system.system_diagram import system_diagram

Saga = Annotated[str | None, typer.Argument(metavar="SAGA", help="A saga of the system.")]


def diagram(ctx: typer.Context, saga: Saga = None, json: AsJson = False) -> None:
    """Print a Mermaid flowchart of the system, or of one saga."""
    system = settings_of(ctx).system()
    sagas = {each.name: each for each in system.processes}
    if saga is None:
        drawn = system_diagram(system)
    elif saga in sagas:
        drawn = saga_diagram(sagas[saga].saga, sagas[saga].timings)
    else:
        raise NameUnknown(kind="saga", name=saga, known=", ".join(sagas) or "none")
    if json:
        print_json({"mermaid": drawn})
    else:
        print(drawn)
