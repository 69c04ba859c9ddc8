"""What a step means for the compensation of its saga."""

from enum import Enum


class Kind(Enum):
    """What a step means for the compensation of its saga."""

    COMPENSATABLE = "compensatable"
    """Its effect can be undone; an undo is required."""
    NO_EFFECT = "no effect"
    """It has no effect that remains, so there is nothing to undo."""
    PIVOT = "pivot"
    """The point of no return: once it is done, the saga goes forward only."""
    RETRIABLE = "retriable"
    """A step after the pivot: it is retried until it is done."""


COMPENSATABLE, NO_EFFECT, PIVOT, RETRIABLE = Kind
