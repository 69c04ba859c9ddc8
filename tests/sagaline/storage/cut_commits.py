"""A server between a client and PostgreSQL, which cuts connections at their COMMIT."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from typing import Literal

from sqlalchemy import make_url

Cut = Literal["before", "after"]

SOCKET = ".s.PGSQL.5432"


class CuttingServer:
    """Passes on what both sides send, until it is told to cut.

    `before`: the COMMIT is lost. `after`: the server has committed, and its answer is lost.
    """

    def __init__(self, url: str, folder: Path) -> None:
        target = make_url(url)
        self._behind = Path(str(target.query["host"])) / SOCKET
        self.url = target.update_query_dict({"host": str(folder)}).render_as_string(False)
        self.cuts: list[Cut] = []
        """What to do at the next COMMITs."""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / SOCKET))
        self._listening.listen()
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accepts no more connections."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(str(self._behind))
            with DefaultSelector() as selector:
                selector.register(client, EVENT_READ)
                selector.register(server, EVENT_READ)
                while all(
                    self._pass_on(key.fileobj, client, server) for key, _ in selector.select()
                ):
                    pass

    def _pass_on(self, source: object, client: socket.socket, server: socket.socket) -> bool:
        """Passes on what has come from one side; returns whether the connection goes on."""
        data = (client if source is client else server).recv(65_536)
        if source is client and b"COMMIT\0" in data and self.cuts:
            if self.cuts.pop(0) == "after":
                server.sendall(data)
                server.recv(65_536)
            return False
        (server if source is client else client).sendall(data)
        return bool(data)


@contextmanager
def cutting(url: str) -> Iterator[CuttingServer]:
    """A server that cuts connections to this store."""
    folder = Path(tempfile.mkdtemp(prefix="sagaline-"))  # a socket's path must be short
    server = CuttingServer(url, folder)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(folder)
