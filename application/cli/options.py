"""The store option, and the options and arguments that several commands share."""

from typing import Annotated
from uuid import UUID

import typer

from sagaline.cli.options import Store
from sagaline.cli.tables import clamp_limit

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON lines; - is the standard input.")]
OrderId = Annotated[UUID, typer.Argument(metavar="ORDER_ID", help="The order's id.")]
Offset = Annotated[
    int, typer.Option(min=0, metavar="N", callback=clamp_limit, help="Leave out the first N.")
]
Wait = Annotated[
    str | None,
    typer.Option(metavar="POSITION", help="Wait until the view has read it: orders:123."),
]
Timeout = Annotated[float, typer.Option(min=0, metavar="S", help="How long to wait, in seconds.")]


def options(ctx: typer.Context, store: Store = None) -> None:
    """A shop to try Sagaline with.

    It places orders and receives stock, and shows their state; `sagaline run` does the work in
    between. Without --store it uses SAGALINE_STORE, or [tool.sagaline] in pyproject.toml.
    """
    ctx.obj = {"store": store}
