"""Finalizers run in any thread at any moment, so they wait for no lock that it may hold."""

import gc
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sagaline.storage import Datastore
from sagaline.storage.log.subscription import LogSubscription
from sagaline.storage.sql.transaction import Transaction
from tests.sagaline.small_system import House, until
from tests.sagaline.storage.stores import opened, recorder_of

PATIENCE = 60.0


class Collecting(dict[Any, Any]):
    """The open datastores: whoever looks for one, under the lock, collects all garbage."""

    def get(self, *arguments: Any) -> Any:
        gc.collect()
        return super().get(*arguments)


def in_time(action: Any) -> None:
    """Fails where an action never returns."""
    thread = Thread(target=action, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for itself"


def forgotten(url: str) -> Datastore:
    """The datastore of an application that nobody has closed, and that is garbage now."""
    app = House({"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": url})
    vars(app)["itself"] = app
    return app.datastore


def test_a_store_opens_while_an_application_that_was_not_closed_is_collected(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datastore = forgotten(store_url)
    monkeypatch.setattr(Datastore, "_shared", Collecting(Datastore._shared))

    def open_another() -> None:
        with opened(f"sqlite:///{tmp_path / 'another.db'}"):
            pass

    in_time(open_another)
    until(lambda: datastore.is_closed)


def test_a_transaction_that_is_collected_releases_its_lock(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:

        def left_open() -> Iterator[None]:
            with datastore.write():
                yield

        generator = left_open()
        next(generator)
        del generator
        in_time(lambda: Transaction(datastore, commit=True).__enter__().close())


def test_a_subscription_stops_while_its_thread_holds_the_lock_of_its_queue(
    store_url: str,
) -> None:
    with opened(store_url) as datastore:
        subscription = recorder_of(datastore).subscribe()
        assert isinstance(subscription, LogSubscription)
        with subscription:
            with subscription._notifications_queue.mutex:
                in_time(subscription.stop)
            in_time(lambda: list(subscription))
