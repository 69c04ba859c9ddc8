"""Rebuilding read tables from the logs, beside the live ones, while the system runs."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from eventsourcing.utils import EnvType

from sagaline.application.application import Application
from sagaline.errors import DefinitionError
from sagaline.read_model.definition import ReadModel
from sagaline.rebuilding.shadow_table import Progress, Rebuilt, ShadowTable
from sagaline.rebuilding.swap import swap_back
from sagaline.rebuilding.worker import NO_WORKER, NoWorker
from sagaline.storage import Datastore, own_store
from sagaline.system.environment import environment, views_at
from sagaline.system.system import System


def rebuild(
    system: System,
    env: EnvType | None = None,
    views: Collection[str] = (),
    *,
    verify: bool = False,
    progress: Progress | None = None,
    beside: NoWorker = NO_WORKER,
) -> Iterator[Rebuilt]:
    """Builds read tables again, all or those named; with `verify` it compares and swaps nothing.

    Yields each as it is done. Raises `RebuildFailed`, with the event, where a handler fails: the
    live table is left alone. A rebuild that was killed goes on where it stopped; one that is at
    work is left alone, and `RebuildUnderWay` is raised. Raises `StoreUnusable` where a read table
    has events that its log has not. `beside` is a second process for a part of the work, as
    `twin_of` makes it; it ends with this rebuild.
    """
    models = _chosen(system, views)
    environment_ = environment(env)
    with ExitStack() as opened:
        datastore = opened.enter_context(_views(system, environment_))
        apps: dict[str, Application] = {}
        for each in system.members:
            apps[each.name] = each(env=environment_)
            opened.callback(apps[each.name].close)
        opened.callback(beside.close)  # before the stores: who closes one last has to tidy it up
        beside.open(environment_)
        for model in models:
            logs = {each: apps[each] for each in system.leaders_of[model.table.name]}
            yield ShadowTable(model, datastore, logs, progress or _silent, verify, beside).build()


def roll_back(system: System, env: EnvType | None = None, views: Collection[str] = ()) -> list[str]:
    """Puts the tables of before the last rebuild back; returns their names.

    Raises `NothingToRollBack` where one was never rebuilt.
    """
    models = _chosen(system, views)
    with _views(system, environment(env)) as datastore, datastore.write() as connection:
        return [swap_back(connection, each.table.name) for each in models]


@contextmanager
def _views(system: System, env: Mapping[str, str]) -> Iterator[Datastore]:
    """The store of the read tables, if it is this system's."""
    datastore = Datastore.open(*views_at(env))
    try:
        own_store(datastore, system.name, [each.name for each in system.members])
        yield datastore
    finally:
        datastore.close()


def _chosen(system: System, views: Collection[str]) -> list[type[ReadModel]]:
    known: dict[str, type[ReadModel]] = {each.table.name: each for each in system.read_models}
    unknown = [each for each in views if each not in known]
    if unknown:
        raise DefinitionError(
            where=system.name,
            problem=f"it has no read model {', '.join(unknown)}",
            cure=f"Choose among {', '.join(known)}.",
        )
    return [known[each] for each in dict.fromkeys(views)] or list(known.values())


def _silent(view: str, passed: int, total: int) -> None:
    """Progress that nobody watches."""
