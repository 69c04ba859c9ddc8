"""The ids of the runs of a key, and of their commands, by which an answer finds its run."""

from functools import lru_cache
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sagaline.messaging.ids import named_id

_RUN: Final = (1 << 24) - 1
"""The bits of a command's id that hold the number of a later run."""


@lru_cache(65_536)
def journal_id(saga: str, key: str, run: int = 1) -> UUID:
    """The id of the stream of the instance of `saga` for one run of a business transaction."""
    name = f"saga:{saga}:{key}"
    if run > 1:
        return named_id(journal_id(saga, key), f"run {run}")
    try:
        return named_id(UUID(key), name)  # so that an index holds the streams in key order
    except ValueError:
        return uuid5(NAMESPACE_URL, name)


def command_id(journal: UUID, run: int, name: str) -> UUID:
    """The id of a command; that of a later run ends with the number of the run."""
    id_ = named_id(journal, name)
    return id_ if run == 1 else UUID(int=id_.int & ~_RUN | run & _RUN)


def run_of(command: UUID) -> int:
    """The run that issued a command, if it was a later one; any number for other commands."""
    return command.int & _RUN
