"""The stores of a system, by its environment."""

import os
from collections.abc import Collection, Mapping
from typing import Any

from eventsourcing.utils import Environment, EnvType

from sagaline.application.application import Application
from sagaline.errors import WrongCall
from sagaline.storage.log.log_columns import STORED
from sagaline.system.system import System

StoreAddress = tuple[str, str | None]
"""The URL of a store, and the schema in it where there is one (PostgreSQL)."""


def environment(env: EnvType | None) -> dict[str, str]:
    """The environment of a system: that of the process, with `env` and this storage.

    Raises WrongCall for what is no mapping of texts.
    """
    given: Any = env
    is_mapping = env is None or isinstance(given, Mapping)
    if not is_mapping or not all(map(_is_text, (env or {}).items())):
        cure = 'Write {"SQLALCHEMY_URL": "sqlite:///shop.db"}.'
        raise WrongCall(where="env", problem="it is no mapping of texts to texts", cure=cure)
    return {
        "SQLALCHEMY_URL": "sqlite:///:memory:",
        **os.environ,
        "PERSISTENCE_MODULE": "sagaline.storage",
        **(env or {}),
    }


def _is_text(setting: tuple[object, object]) -> bool:
    return all(isinstance(each, str) for each in setting)


def log_at(env: Mapping[str, str], application: type[Application]) -> StoreAddress:
    """The store with the log of an application, by upstream's settings."""
    settings = Environment(application.name, {**application.env, **env})
    return settings.get("SQLALCHEMY_URL", ""), settings.get("SQLALCHEMY_SCHEMA") or None


def views_at(env: Mapping[str, str]) -> StoreAddress:
    """The store with the read tables: that of the logs unless `SAGALINE_VIEWS` names one."""
    url = env.get("SAGALINE_VIEWS") or env["SQLALCHEMY_URL"]
    return url, env.get("SQLALCHEMY_SCHEMA") or None


def tables_at(
    where: StoreAddress, system: System, env: Mapping[str, str]
) -> dict[str, Collection[str]]:
    """The tables that a system needs in one of its stores -> the columns that each needs."""
    found: dict[str, Collection[str]] = {}
    for each in system.members:
        if log_at(env, each) == where:
            kinds = ("events", "snapshots") if each.snapshotting_intervals else ("events",)
            found.update((f"{each.name.lower()}_{kind}", STORED) for kind in kinds)
    if views_at(env) == where:
        found.update((each.table.name, each.table.c.keys()) for each in system.read_models)
    return found
