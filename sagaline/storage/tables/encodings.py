"""How the events of each application are encoded, where that is not plain JSON."""

import json
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, select

from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.sql.checked import read_json
from sagaline.storage.tables.read_tables import table_exists
from sagaline.storage.tables.schema import encodings


class Encoding(NamedTuple):
    """The compressor of an application's events, and the ids of all keys that encrypted them."""

    compressor: str = ""
    keys: Collection[str] = ()


def encoding_of(connection: Connection, application: str) -> Encoding | None:
    """The encoding of an application's events; None where none is recorded: plain JSON."""
    if not table_exists(connection, encodings.name):
        return None
    columns = encodings.c.compressor, encodings.c["keys"]
    query = select(*columns).where(encodings.c.application == application)
    row = connection.execute(query).first()
    return (
        None if row is None else Encoding(row[0], tuple(read_json(row[1], list, "encodings.keys")))
    )


def write_encoding(connection: Connection, application: str, encoding: Encoding) -> None:
    """Records the encoding of an application's events."""
    row = application, encoding.compressor, json.dumps(sorted(encoding.keys))
    bulk = bulk_of(encodings, connection)
    bulk.write(connection, bulk.upserted([[each] for each in row]))
