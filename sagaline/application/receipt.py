"""What became of a command."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Receipt:
    """What became of a command.

    `position` is the place in the log of the last event that it wrote (``orders:12``), for a
    reader to wait for; None where it wrote nothing. `duplicate`: the same command had been given
    before, and this is its position. `error`: it was refused and wrote nothing.
    """

    position: str | None
    duplicate: bool = False
    error: BaseException | None = None
