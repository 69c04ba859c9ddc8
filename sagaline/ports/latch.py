"""What a batch waits at until its calls have ended."""

from threading import Event


class Latch:
    """Is open once a number of calls have ended."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.opened = Event()

    def count_down(self) -> None:
        """Notes that one of them has ended."""
        self.count -= 1
        if self.count <= 0:
            self.opened.set()
