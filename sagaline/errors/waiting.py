"""Errors about dead letters and timers."""

from sagaline.errors.base import SagalineError


class LetterUnknown(SagalineError):
    """There is no dead letter {id}: see `dead-letters list`."""


class LetterBusy(SagalineError):
    """The dead letter {id} was not handled, because a runner kept writing first: try again."""


class TimerUnknown(SagalineError):
    """There is no timer {id}: see `timers list`."""


class TimerAmbiguous(SagalineError):
    """Several followers have a timer {id}: name one of {ids}."""


class TimerHeld(SagalineError):
    """The timer {id} waits for its dead letter: retry or discard the dead letter."""


class TimerUnreadable(SagalineError):
    """The timer {id} cannot be read: {reason}."""
