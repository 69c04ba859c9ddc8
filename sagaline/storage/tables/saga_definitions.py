"""The definition of each saga that last ran on a store."""

import json
from typing import NamedTuple

from sqlalchemy import Connection, select

from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.sql.checked import read_json
from sagaline.storage.tables.read_tables import table_exists
from sagaline.storage.tables.schema import definitions


class Definition(NamedTuple):
    """A saga's definition: its fingerprint, and the shape of each part."""

    fingerprint: str
    shape: dict[str, str]


def definition_of(connection: Connection, saga: str) -> Definition | None:
    """The definition that last ran; None if none did."""
    if not table_exists(connection, definitions.name):
        return None
    columns = definitions.c.fingerprint, definitions.c.shape
    row = connection.execute(select(*columns).where(definitions.c.saga == saga)).first()
    return None if row is None else Definition(row[0], read_json(row[1], dict, "definitions.shape"))


def write_definition(connection: Connection, saga: str, definition: Definition) -> None:
    """Records the definition that runs from now on."""
    # An upsert, because several runners may be the first at once.
    row = saga, definition.fingerprint, json.dumps(definition.shape)
    bulk = bulk_of(definitions, connection)
    bulk.write(connection, bulk.upserted([[each] for each in row]))
