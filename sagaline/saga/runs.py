"""The ids of the commands of a run, by which an answer finds the run that issued its command."""

from typing import Final
from uuid import UUID

from sagaline.messaging.ids import named_id

_RUN: Final = (1 << 24) - 1
"""The bits of a command's id that hold the number of a later run."""


def command_id(journal: UUID, run: int, name: str) -> UUID:
    """The id of a command; that of a later run ends with the number of the run."""
    id_ = named_id(journal, name)
    return id_ if run == 1 else UUID(int=id_.int & ~_RUN | run & _RUN)


def run_of(command: UUID) -> int:
    """The run that issued a command, if it was a later one; any number for other commands."""
    return command.int & _RUN
