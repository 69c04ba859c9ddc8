"""Reads lines from a file or a slow pipe."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from sagaline.cli.output import printable
from sagaline.cli.signals import wait_to_read

READ_SIZE = 1 << 16
"""Bytes of one read."""


class LiveInput:
    """A binary stream that calls `before_waiting` each time before it waits for more.

    So the lines before a pause are answered before it, though their batch is not full.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self._at = 0
        self._ended = False
        self.before_waiting: Callable[[], None] = lambda: None

    def readline(self, limit: int) -> bytes:
        """The next line with its end, or its first `limit` bytes; nothing at the end."""
        while (end := self._end_of_line(limit)) is None:
            self._fill()
        line, self._at = self._buffer[self._at : end], end
        return line

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
            wait_to_read(self._descriptor)
        chunk = os.read(self._descriptor, READ_SIZE)
        self._ended = not chunk
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0


@contextmanager
def lines_of(file: str) -> Iterator[LiveInput]:
    """Opens a file, or the standard input where it is called ``-``.

    Raises BadParameter where the file cannot be read.
    """
    if file == "-":
        yield LiveInput(sys.stdin.fileno())
        return
    try:
        descriptor = os.open(file, os.O_RDONLY)
        os.read(descriptor, 0)
    except OSError as error:
        problem = printable(f"{file}: {error.strerror}")
        raise typer.BadParameter(problem, param_hint="FILE") from error
    try:
        yield LiveInput(descriptor)
    finally:
        os.close(descriptor)
