"""What an event means to a saga as an answer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Meaning(NamedTuple):
    """What an event means as an answer."""

    step: str
    undo: bool
    """It answers the undo of the step."""
    done: bool


Answers = Mapping[type, Sequence[Meaning]]
"""By event class: the steps and undos that it can answer."""
