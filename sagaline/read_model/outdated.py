"""Read tables that are out of date: other code made them than the code that is loaded."""

from collections.abc import Iterable

from sqlalchemy import Connection

from sagaline.read_model.definition import ReadModel
from sagaline.read_model.fingerprint import fingerprint, is_fingerprint_of
from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.tables.followers import follower_state
from sagaline.storage.tables.read_tables import fingerprint_of, fingerprints, record_fingerprint

UNKNOWN_CODE = ""
"""The fingerprint of a table whose rows are of no known code."""


def tables_out_of_date(connection: Connection, models: Iterable[type[ReadModel]]) -> list[str]:
    """The read tables that other code made than the code of these models.

    A table that no runner has used yet has no fingerprint, and is not out of date.
    """
    made_by = fingerprints(connection)
    return [each.table.name for each in models if not continues(each, made_by.get(each.table.name))]


def continues(model: type[ReadModel], made_by: str | None) -> bool:
    """Whether a model may write to the table that the code of a fingerprint made."""
    return made_by is None or is_fingerprint_of(model, made_by)


def own_table(connection: Connection, model: type[ReadModel]) -> bool:
    """Whether the table is the model's own; records its fingerprint in today's form then.

    A table that was created by hand becomes that of the first code that starts on it, unless it has
    rows that no event made.
    """
    name, mine = model.table.name, fingerprint(model)
    made_by = fingerprint_of(connection, name)
    if made_by is None and _has_foreign_rows(connection, model):
        made_by = UNKNOWN_CODE
        record_fingerprint(connection, name, made_by)
    owned = continues(model, made_by)
    if owned and made_by != mine:
        record_fingerprint(connection, name, mine)
    return owned


def _has_foreign_rows(connection: Connection, model: type[ReadModel]) -> bool:
    if any(follower_state(connection, model.table.name).positions.values()):
        return False
    return not bulk_of(model.table, connection).is_empty(connection)
