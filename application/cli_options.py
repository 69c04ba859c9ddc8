"""The option before the command: which store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from sagaline import System
from sagaline.cli.options import Store
from sagaline.cli.stores import views
from sagaline.settings import Settings, load
from sagaline.storage import Datastore

SHOP = "application.system:system"


def options(ctx: typer.Context, store: Store = None) -> None:
    """A shop to try Sagaline with.

    It takes in orders and stock, and shows what became of them; `sagaline run` does what is in
    between. Without --store it uses SAGALINE_STORE, or [tool.sagaline] in pyproject.toml.
    """
    ctx.obj = store


def settings_of(ctx: typer.Context) -> Settings:
    """What was given, and where it was not, what the environment and the file say."""
    store: str | None = ctx.obj
    return Settings.read(store=store)


def system_of(ctx: typer.Context) -> System:
    """The system that the stores are for."""
    return load(settings_of(ctx).app or SHOP)


def environment_of(ctx: typer.Context) -> dict[str, str]:
    """The environment of the shop's applications."""
    return settings_of(ctx).environment()


@dataclass(frozen=True)
class ReadTables:
    """The read tables, and the system that fills them."""

    system: System
    datastore: Datastore


@contextmanager
def reading(ctx: typer.Context) -> Iterator[ReadTables]:
    """The store of the read tables alone: the logs may be out of reach."""
    system = system_of(ctx)
    with views(system, environment_of(ctx)) as datastore:
        yield ReadTables(system, datastore)
