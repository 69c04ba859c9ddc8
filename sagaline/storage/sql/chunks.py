"""Splits long lists of ids into the pieces that one SELECT can name."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

MAX_IDS = 500
"""Ids in one SELECT: below every database's limit of parameters."""


def chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Pieces of at most `MAX_IDS` ids."""
    for start in range(0, len(ids), MAX_IDS):
        yield ids[start : start + MAX_IDS]
