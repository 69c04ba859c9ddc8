"""Where the stores of a system are, as its environment says."""

import os
from collections.abc import Collection, Mapping

from eventsourcing.utils import Environment, EnvType

from sagaline.application.application import Application
from sagaline.storage.log.event_log import STORED
from sagaline.system.system import System

Where = tuple[str, str | None]
"""The URL of a store, and the schema in it where there is one (PostgreSQL)."""


def environment(env: EnvType | None) -> dict[str, str]:
    """The environment of a system: the process's own, what is given, and this storage."""
    return {
        "SQLALCHEMY_URL": "sqlite:///:memory:",
        **os.environ,
        "PERSISTENCE_MODULE": "sagaline.storage",
        **(env or {}),
    }


def log_at(env: Mapping[str, str], application: type[Application]) -> Where:
    """Where the log of an application is, in upstream's settings."""
    settings = Environment(application.name, {**application.env, **env})
    return settings.get("SQLALCHEMY_URL", ""), settings.get("SQLALCHEMY_SCHEMA") or None


def views_at(env: Mapping[str, str]) -> Where:
    """Where the read tables are: with the logs, if nothing else is said."""
    url = env.get("SAGALINE_VIEWS") or env["SQLALCHEMY_URL"]
    return url, env.get("SQLALCHEMY_SCHEMA") or None


def tables_at(where: Where, system: System, env: Mapping[str, str]) -> dict[str, Collection[str]]:
    """The tables of a system's own in one of its stores, and the columns that each has at least."""
    found: dict[str, Collection[str]] = {}
    for each in system.members:
        if log_at(env, each) == where:
            kinds = ("events", "snapshots") if each.snapshotting_intervals else ("events",)
            found.update((f"{each.name.lower()}_{kind}", STORED) for kind in kinds)
    if views_at(env) == where:
        found.update((each.table.name, each.table.c.keys()) for each in system.read_models)
    return found
