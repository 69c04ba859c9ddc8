"""The names of the indexes that a read model declares, in every generation of its table."""

from collections.abc import Collection
from typing import NamedTuple


class IndexNames(NamedTuple):
    """The names in the first table, and the start of the names that rebuilds give."""

    declared: Collection[str]
    start: str

    def has(self, name: str) -> bool:
        """Whether the read model declares an index of this name."""
        return name in self.declared or name.startswith(self.start)
