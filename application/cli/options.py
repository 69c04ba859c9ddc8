"""The option before the command: which store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from sagaline import System
from sagaline.assembly import environment, views_at
from sagaline.cli.options import Store
from sagaline.cli.stores import views
from sagaline.settings import Settings, load
from sagaline.storage import Datastore
from sagaline.storage.store import look

SHOP = "application.system:system"
KINDS = (SHOP, "sagas.choreography:system")
"""The shop by orchestration, and by choreography: the read tables are the same."""


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


def system_of(ctx: typer.Context, datastore: Datastore) -> System:
    """The system as it is set, or the other kind of shop where the store was made for that.

    Raises StoreTooNew or StoreUnusable; changes nothing.
    """
    system = load(settings_of(ctx).app or SHOP)
    claim = look(datastore)
    if claim is None or claim.system in (None, system.name):
        return system
    return next((each for each in map(load, KINDS) if each.name == claim.system), system)


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
    datastore = Datastore.open(*views_at(environment(environment_of(ctx))))
    try:
        system = system_of(ctx, datastore)
    finally:
        datastore.close()
    with views(system, environment_of(ctx)) as datastore:
        yield ReadTables(system, datastore)
