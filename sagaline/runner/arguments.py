"""Checks of what callers give a runner."""

from math import isnan

from sagaline.errors import WrongCall
from sagaline.messaging.declaring import named
from sagaline.runner.options import Options


def refuse_misfits(now: object, options: object) -> None:
    """Refuses what is no clock and what are no options. Raises WrongCall."""
    if not (now is None or callable(now)):
        cure = "Write now=lambda: datetime.now(UTC)."
        raise WrongCall(where="Runner", problem=f"its now is {named(now)}", cure=cure)
    if not (options is None or isinstance(options, Options)):
        cure = "Write options=Options(batch_size=500)."
        raise WrongCall(where="Runner", problem=f"its options are {named(options)}", cure=cure)


def refuse_no_number(where: str, seconds: object) -> None:
    """Refuses what is no number of seconds. Raises WrongCall."""
    if not isinstance(seconds, int | float) or isnan(seconds):
        cure = "Give a number of seconds."
        raise WrongCall(where=where, problem=f"its time is {named(seconds)}", cure=cure)
