"""Lines as they come in, from a file or a slow pipe."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from sagaline.cli.signals import wait_for

CHUNK = 1 << 16
"""Bytes read at once."""


class LiveInput:
    """A binary stream that says when it is about to wait for more.

    So what was read before a pause does not have to wait with it until a batch is full.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self._at = 0
        self._ended = False
        self.before_waiting: Callable[[], None] = lambda: None
        """Called each time before it waits."""

    def readline(self, limit: int) -> bytes:
        """The next line with its end, or its first `limit` bytes; nothing at the end."""
        while True:
            end = self._end_of_line(limit)
            if end is not None:
                line, self._at = self._buffer[self._at : end], end
                return line
            self._fill()

    def _end_of_line(self, limit: int) -> int | None:
        most = self._at + limit
        found = self._buffer.find(b"\n", self._at, most)
        if found >= 0:
            return found + 1
        if len(self._buffer) >= most:
            return most
        return len(self._buffer) if self._ended else None

    def _fill(self) -> None:
        if not select.select([self._descriptor], [], [], 0)[0]:
            self.before_waiting()
            wait_for(self._descriptor)
        chunk = os.read(self._descriptor, CHUNK)
        self._ended = not chunk
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0


@contextmanager
def lines_of(file: str) -> Iterator[LiveInput]:
    """The lines of a file, or of the standard input where it is called ``-``.

    Raises BadParameter where the file cannot be read.
    """
    if file == "-":
        yield LiveInput(sys.stdin.fileno())
        return
    try:
        descriptor = os.open(file, os.O_RDONLY)
        os.read(descriptor, 0)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from error
    try:
        yield LiveInput(descriptor)
    finally:
        os.close(descriptor)
