"""Where the baseline keeps its events and its read table: one of the library's ways to store."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, make_url

from benchmarks.upstream.fulfilments import Fulfilments
from benchmarks.upstream.inventory import Inventory
from benchmarks.upstream.order_list import OrderList
from benchmarks.upstream.orders import Orders
from benchmarks.upstream.payments import Payments
from benchmarks.upstream.shipping import Shipping

APPLICATIONS = (Orders, Fulfilments, Inventory, Payments, Shipping, OrderList)
OF_THE_LIST = f"{OrderList.name.upper()}_PROCESS_RECORDER_TOPIC"


class Store(NamedTuple):
    """The applications' environment, and the URL of the database that has the read table."""

    env: Mapping[str, str]
    view: str


def store_at(url: str, *, native: bool) -> Store:
    """By SQLAlchemy, or by the library's own module for this database."""
    if not native:
        return _sqlalchemy(url)
    made = make_url(url)
    return _sqlite(made) if made.get_backend_name() == "sqlite" else _postgres(made)


def _sqlalchemy(url: str) -> Store:
    env = {
        "PERSISTENCE_MODULE": "eventsourcing_sqlalchemy",
        "SQLALCHEMY_URL": url,
    }
    return Store(env, url)


def _sqlite(url: URL) -> Store:
    """A file for each application: the module gives the tables of all of them one name."""
    folder = Path(url.database or "").parent
    files = {each.name: folder / f"{each.name.lower()}.db" for each in APPLICATIONS}
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        OF_THE_LIST: "benchmarks.upstream.recorders:SQLiteOrderList",
        **{f"{name.upper()}_SQLITE_DBNAME": str(file) for name, file in files.items()},
    }
    return Store(env, f"sqlite:///{files[OrderList.name]}")


def _postgres(url: URL) -> Store:
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        OF_THE_LIST: "benchmarks.upstream.postgres_recorder:PostgresOrderList",
        "POSTGRES_DBNAME": url.database or "",
        "POSTGRES_HOST": url.host or str(url.query.get("host", "")),
        "POSTGRES_PORT": str(url.port or 5432),
        "POSTGRES_USER": url.username or "",
        "POSTGRES_PASSWORD": url.password or "",
    }
    return Store(env, url.render_as_string(hide_password=False))
