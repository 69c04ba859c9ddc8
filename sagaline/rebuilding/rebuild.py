"""Rebuilds of read tables from the logs, beside the live ones, while the system runs."""

from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Any

from eventsourcing.utils import EnvType

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import named, refuse_given, refuse_wrong
from sagaline.messaging.logbook import fields, logger_of
from sagaline.read_model.definition import ReadModel
from sagaline.rebuilding.progress import Progress, Rebuilt, no_progress
from sagaline.rebuilding.rebuild_log import RebuildLog
from sagaline.rebuilding.shadow_table import ShadowTable
from sagaline.rebuilding.stores import open_logs, open_views
from sagaline.rebuilding.swap import swap_back
from sagaline.rebuilding.worker import NO_WORKER, NoWorker
from sagaline.system.environment import environment
from sagaline.system.system import System, refuse_no_system

log = logger_of(__name__)


def rebuild(
    system: System,
    env: EnvType | None = None,
    views: Collection[str] = (),
    *,
    verify: bool = False,
    drop_old: bool = False,
    progress: Progress | None = None,
    worker: NoWorker = NO_WORKER,
) -> Iterator[Rebuilt]:
    """Rebuild read tables, all or those named, and yield the result of each.

    With `verify`, compare each with the live table and swap nothing. A rebuild that was killed
    continues from its last commit. With `drop_old`, drop the table that each one replaces, which
    stays for `roll_back` otherwise, until the next rebuild. `worker` is a second process for a part
    of the events, from `rebuild_worker`; it ends with this rebuild.

    Raises `RebuildFailed`, with the event, where a handler raises: the live table stays as it is.
    Raises `RebuildUnderWay` where another process rebuilds the table, `TableNotReplaceable`, before
    anything is built, where something on the live table cannot be moved to a new one, and
    `StoreUnusable` where a read table has events that its log lacks.
    """
    models = _chosen(system, views)
    env = environment(env)
    refuse_wrong(worker, NoWorker, "rebuild", "Write worker=rebuild_worker(system).")
    # The worker ends before the stores close: the last process that closes one tidies it up.
    with open_views(system, env) as datastore, open_logs(system, env) as apps, closing(worker):
        worker.open(env)
        for model in models:
            logs = {each: apps[each] for each in system.leaders_of[model.table.name]}
            book = RebuildLog(model.table.name, verify, progress or no_progress)
            shadow = ShadowTable(model, datastore, logs, book.progress, verify, drop_old, worker)
            yield book.end(shadow.build())


def roll_back(system: System, env: EnvType | None = None, views: Collection[str] = ()) -> list[str]:
    """Restore the tables of before the last rebuild; return their names.

    Raises `NothingToRollBack` where one was never rebuilt.
    """
    models = _chosen(system, views)
    with open_views(system, environment(env)) as datastore, datastore.write() as connection:
        rolled_back = [swap_back(connection, each.table) for each in models]
    for name in rolled_back:
        log.info("%s is rolled back", name, extra=fields(follower=name))
    return rolled_back


def _chosen(system: System, views: Collection[str]) -> list[type[ReadModel]]:
    refuse_no_system(system, "rebuild")
    known: dict[str, type[ReadModel]] = {each.table.name: each for each in system.read_models}
    names: Collection[Any] = [views] if isinstance(views, str) else views
    if not isinstance(names, Collection):
        refuse_given(names, "views", f"Write views=[{next(iter(known), '')!r}].")
    unknown = [
        each if isinstance(each, str) else named(each)
        for each in names
        if not isinstance(each, str) or each not in known
    ]
    if unknown:
        raise DefinitionError(
            where=system.name,
            problem=f"it has no read model {', '.join(unknown)}",
            cure=f"Choose among {', '.join(known)}.",
        )
    return [known[each] for each in dict.fromkeys(names)] or list(known.values())
