"""Listeners wait for any descriptor."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from queue import SimpleQueue

import pytest
from typing_extensions import override

from sagaline.storage.notify.helper_thread import Faults
from sagaline.storage.notify.listener import Listener
from sagaline.storage.notify.postgres_listener import PostgresListener
from tests.sagaline.storage.stores import opened, outside

PATIENCE = 120.0
SELECT_LIMIT = 1_024


class SocketListener(Listener):
    """Listens to a socket."""

    def __init__(self, source: socket.socket, notices: "SimpleQueue[None]") -> None:
        self._source = source
        super().__init__(lambda: notices.put(None))

    @property
    @override
    def faults(self) -> Faults:
        return OSError

    @override
    def listen(self) -> None:
        self.mark_listening()
        while self.wait(self._source.fileno()):
            self._source.recv(1)
            self._on_change()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """A process whose next descriptors lie above the limit of `select`."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with ExitStack() as open_files:
        open_files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        descriptor = 0
        while descriptor <= SELECT_LIMIT:
            descriptor = os.open(os.devnull, os.O_RDONLY)
            open_files.callback(os.close, descriptor)
        yield


@pytest.mark.usefixtures("many_descriptors")
def test_a_listener_works_with_descriptors_above_the_limit_of_select() -> None:
    source, sender = socket.socketpair()
    notices: SimpleQueue[None] = SimpleQueue()
    with source, sender:
        assert source.fileno() > SELECT_LIMIT
        listener = SocketListener(source, notices)
        try:
            notices.get(timeout=PATIENCE)
            sender.send(b".")
            notices.get(timeout=PATIENCE)
        finally:
            listener.close()


@pytest.mark.usefixtures("many_descriptors")
def test_notices_of_postgresql_arrive_above_the_limit_of_select(postgres_store: str) -> None:
    notices: SimpleQueue[None] = SimpleQueue()
    with opened(postgres_store) as datastore, outside(postgres_store) as another:
        listener = PostgresListener(datastore, ["orders"], lambda: notices.put(None))
        try:
            notices.get(timeout=PATIENCE)
            another.exec_driver_sql("NOTIFY orders")
            notices.get(timeout=PATIENCE)
        finally:
            listener.close()
