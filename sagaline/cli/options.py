"""The options before the command: which system, in which store."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from sagaline.cli.inspection import InspectedStores, inspect_stores
from sagaline.cli.settings import Settings
from sagaline.system.system import System

App = Annotated[
    str | None,
    typer.Option("--app", metavar="MODULE:SYSTEM", help="The system. [SAGALINE_APP]"),
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store, a SQLAlchemy URL. [SAGALINE_STORE]"),
]

Reason = Annotated[str, typer.Option("--reason", metavar="R", help="Why; it is recorded.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who does it. [the user logged in]")
]


def who(by: str | None) -> str:
    """Who does it: who is named, or who is logged in."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody without a name"  # as in a container whose user nobody has entered


def options(ctx: typer.Context, app: App = None, store: Store = None) -> None:
    """Runs a system of applications, sagas and read models, and looks into its stores.

    What is not given as an option is taken from the environment, and then from [tool.sagaline] in
    pyproject.toml.
    """
    ctx.obj = {"app": app, "store": store}


def settings(ctx: typer.Context) -> Settings:
    """What was given, and where it was not, what the environment and the file say."""
    given: dict[str, Any] = ctx.obj
    return Settings.read(**given)


def system_and_environment(ctx: typer.Context) -> tuple[System, dict[str, str]]:
    """What the command is about."""
    given = settings(ctx)
    return given.system(), given.environment()


@contextmanager
def inspected(ctx: typer.Context) -> Iterator[InspectedStores]:
    """The stores that the command is about, to look into."""
    system, env = system_and_environment(ctx)
    with inspect_stores(system, env) as found:
        yield found
