"""The options before the command, which name the system and the store, and those of operators."""

import getpass
from typing import Annotated

import typer

App = Annotated[
    str | None,
    typer.Option("--app", metavar="MODULE:SYSTEM", help="The system. [SAGALINE_APP]"),
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store, a SQLAlchemy URL. [SAGALINE_STORE]"),
]

Reason = Annotated[str, typer.Option("--reason", metavar="R", help="The reason, for the record.")]
OptionalReason = Annotated[
    str, typer.Option("--reason", metavar="R", help="The reason, if it should be recorded.")
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who does it. [the user logged in]")
]


def operator_name(by: str | None) -> str:
    """Return the given name, or else that of the user who is logged in."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody without a name"  # as in a container whose user has no entry


def options(ctx: typer.Context, app: App = None, store: Store = None) -> None:
    """Run a system of applications, sagas and read models, and inspect its stores.

    Options that are not given come from the environment, and then from [tool.sagaline] in
    pyproject.toml.
    """
    ctx.obj = {"app": app, "store": store}
