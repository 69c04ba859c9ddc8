"""The stores that a rebuild reads and writes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from sagaline.application.application import Application
from sagaline.runner.parts import refuse_changed_parts, register_members
from sagaline.storage import Datastore, claim_store
from sagaline.storage.tables.ownership import refuse_another
from sagaline.system.environment import views_at
from sagaline.system.system import System


@contextmanager
def open_views(system: System, env: Mapping[str, str]) -> Iterator[Datastore]:
    """Open the store of the read tables.

    Raises StoreOfAnotherSystem, and StoreUnusable where parts of the system are gone or new.
    """
    datastore = Datastore.open(*views_at(env))
    try:
        refuse_another(datastore, system.name)
        refuse_changed_parts(system, env, projecting=False)
        names = [each.name for each in system.members]
        claim_store(datastore, system.name, names, system.removed)
        yield datastore
    finally:
        datastore.close()


@contextmanager
def open_logs(system: System, env: Mapping[str, str]) -> Iterator[dict[str, Application]]:
    """Open the applications of a system, whose logs are read."""
    with ExitStack() as opened:
        apps: dict[str, Application] = {}
        for each in system.members:
            apps[each.name] = each(env=env)
            opened.callback(apps[each.name].close)
        register_members(system, apps)
        yield apps
