"""The read tables that a runner leaves alone, because other code made them."""

import logging
from collections.abc import Collection

from sagaline.read_model.fingerprint import uncovered
from sagaline.runner.bootstrap import OpenedSystem

log = logging.getLogger(__name__)


class OutdatedTables:
    """Reads which tables are out of date for the loaded code, and logs each change.

    Two versions of the code never write one table: the one that made it does. During a deployment
    the runners with the former code keep a changed table until it is rebuilt, and leave it then.
    """

    def __init__(self, opened: OpenedSystem) -> None:
        self._opened = opened
        self._names: frozenset[str] = frozenset()
        # In memory no other code meets the table.
        models = () if opened.views.is_sqlite_in_memory_db else opened.system.read_models
        for model in models:
            for each in uncovered(model):
                log.warning(_NOT_COVERED, model.table.name, each)

    def read(self, held: Collection[str]) -> frozenset[str]:
        """Reads them from the store; `held` are the followers that this runner has run so far."""
        found = frozenset(self._opened.tables_out_of_date())
        for name in sorted(found - self._names):
            log.warning(_LEFT if name in held else _OUT_OF_DATE, name)
        for name in sorted(self._names - found):
            log.warning("%s: the table is of the loaded code again, and is followed", name)
        self._names = found
        return found


_NOT_COVERED = "%s: the fingerprint does not cover %s; see `declared_fingerprint`"
_LEFT = "%s: other code has made the table anew, so runners with that code follow it from now on"
_OUT_OF_DATE = (
    "%s: the table is out of date, so only runners with the code that made it follow it;"
    " `sagaline rebuild --outdated` rebuilds it with the loaded code"
)
