"""What happened in a test, line by line, each with its time."""

from collections.abc import Iterator
from datetime import timedelta


class Transcript:
    """Lines of text, each with the time since the start of the test."""

    def __init__(self) -> None:
        self._lines: list[tuple[timedelta, str]] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, at: timedelta, line: str) -> None:
        """Adds a line."""
        self._lines.append((at, line))

    def lines(self) -> Iterator[str]:
        """The lines as they are printed; a time is shown where it changes."""
        clocks = [_clock(at) for at, _ in self._lines]
        width = max(map(len, clocks), default=0)
        before = None
        for clock, (_, line) in zip(clocks, self._lines, strict=True):
            yield f"{clock if clock != before else '':>{width}}  {line}"
            before = clock


def _clock(at: timedelta) -> str:
    """``0:15:00.001``, or ``1 day, 0:00:00``."""
    return str(at).removesuffix("000")
