"""The stores that a command works on, and the system that they were made for."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from sagaline import Application, System
from sagaline.cli.inspection import refuse_foreign, refuse_missing
from sagaline.cli.settings import load, settings_of
from sagaline.storage import Datastore, refuse_foreign_application
from sagaline.storage.tables.ownership import read_ownership, refuse_another
from sagaline.system.environment import environment, log_at, tables_at

SHOP = "application.system:system"
KINDS = (SHOP, "sagas.choreography:system")
"""The shop by orchestration, and by choreography: the read tables are the same."""


def environment_of(ctx: typer.Context) -> dict[str, str]:
    """The environment of the shop's applications: options, variables and pyproject.toml."""
    return settings_of(ctx).environment()


def system_of(ctx: typer.Context, datastore: Datastore) -> System:
    """The configured system, or the other kind of shop where the store was made for that.

    Raises StoreTooNew or StoreUnusable; changes nothing.
    """
    system = load(settings_of(ctx).app or SHOP)
    claim = read_ownership(datastore)
    if claim is None or claim.system in (None, system.name):
        return system
    return next((each for each in map(load, KINDS) if each.name == claim.system), system)


@contextmanager
def writing(application: type[Application], ctx: typer.Context) -> Iterator[Application]:
    """Opens an application for commands, without a runner.

    Raises StoreUnusable for a store of another system, before anything is created.
    """
    env = environment(environment_of(ctx))
    where = log_at(env, application)
    datastore = Datastore.open(*where)
    try:
        system = system_of(ctx, datastore)
        refuse_another(datastore, system.name, tables_at(where, system, env))
        refuse_foreign_application(datastore, application.name)
        opened = application(env=env)
    finally:
        datastore.close()
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def existing(application: type[Application], ctx: typer.Context) -> Iterator[Datastore]:
    """Opens the store of an application's log. Raises StoreUnusable where it does not exist."""
    datastore = Datastore.open(*log_at(environment(environment_of(ctx)), application))
    try:
        refuse_missing(datastore)
        refuse_foreign(datastore, system_of(ctx, datastore))
        refuse_foreign_application(datastore, application.name)
        yield datastore
    finally:
        datastore.close()
