"""Lines of a file or a pipe, as they arrive."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from application.cli.live_input import LiveInput, lines_of


@contextmanager
def pipe() -> Iterator[tuple[LiveInput, int]]:
    read, write = os.pipe()
    try:
        yield LiveInput(read), write
    finally:
        os.close(read)


def test_lines_are_whole_in_whatever_pieces_they_arrive() -> None:
    with pipe() as (lines, write):
        sent = b"one\n\ntwo" + b"x" * 200_000 + b"\nlast"

        def send() -> None:
            for start in range(0, len(sent), 1_013):
                os.write(write, sent[start : start + 1_013])
            os.close(write)

        sender = Thread(target=send)
        sender.start()
        assert lines.readline(1_000_000) == b"one\n"
        assert lines.readline(1_000_000) == b"\n"
        assert lines.readline(1_000) == b"two" + b"x" * 997
        assert lines.readline(1_000_000) == b"x" * 199_003 + b"\n"
        assert lines.readline(1_000_000) == b"last"
        assert lines.readline(1_000_000) == b""
        sender.join()


def test_the_reader_is_called_before_a_pause() -> None:
    with pipe() as (lines, write):
        pauses: list[str] = []

        def pause() -> None:
            pauses.append("pause")
            os.write(write, b"two\n") if len(pauses) == 1 else os.close(write)

        lines.before_waiting = pause
        os.write(write, b"one\n")
        assert [lines.readline(100), pauses] == [b"one\n", []]
        assert [lines.readline(100), pauses] == [b"two\n", ["pause"]]
        assert [lines.readline(100), pauses] == [b"", ["pause", "pause"]]


def test_a_file_never_pauses(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"one\ntwo")
    with lines_of(str(file)) as lines:
        lines.before_waiting = pytest.fail
        assert [lines.readline(100) for _ in range(3)] == [b"one\n", b"two", b""]
