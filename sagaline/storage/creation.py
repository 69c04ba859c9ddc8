"""Creating the tables of a store, when many processes start at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, inspect, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint, CreateSchema  # noqa: F401

from sagaline.storage import postgres
from sagaline.storage.tables import store

if TYPE_CHECKING:
    from sagaline.storage.datastore import Datastore
