"""The read tables that a runner leaves alone, because other code made them."""

from collections.abc import Collection

from sagaline.messaging.logbook import fields, logger_of
from sagaline.read_model.fingerprint import uncovered
from sagaline.runner.bootstrap import OpenedSystem

log = logger_of(__name__)


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
                table = model.table.name
                log.warning(_NOT_COVERED, table, each, extra=fields(follower=table))

    def read(self, held: Collection[str]) -> frozenset[str]:
        """Reads them from the store; `held` are the followers that this runner has run so far."""
        found = frozenset(self._opened.tables_out_of_date())
        for name in sorted(found - self._names):
            text = _LEFT if name in held else _OUT_OF_DATE
            log.warning(text, name, extra=fields(follower=name))
        for name in sorted(self._names - found):
            log.warning(_CURRENT_AGAIN, name, extra=fields(follower=name))
        self._names = found
        return found


_NOT_COVERED = "%s: the fingerprint does not cover %s; see `declared_fingerprint`"
_LEFT = "%s: other code has made the table anew, so runners with that code follow it from now on"
_CURRENT_AGAIN = "%s: the table is of the loaded code again, and is followed"
_OUT_OF_DATE = (
    "%s: the table is out of date, so only runners with the code that made it follow it;"
    " `sagaline rebuild --outdated` rebuilds it with the loaded code"
)
