"""What keeps a live saga instance from going on with the definition that is loaded.

What it has begun must be declared as it was then; what it has not begun may change.
"""

from collections.abc import Mapping

from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal


def incompatibility(
    saga: type[Saga], journal: Journal, described: Mapping[str, str] | None
) -> str | None:
    """Why an instance cannot go on with this definition; None where it can.

    `described` is the shape of the definition that it was led by so far.
    """
    if journal.fingerprint == saga.fingerprint() and described in (None, saga.shape()):
        return None
    if described is None:
        return f"another definition began it, {journal.fingerprint}, which is not described here"
    found = (_obstacle_at(name, saga, journal, described) for name in journal.steps)
    return next((each for each in found if each is not None), None)


def _obstacle_at(
    name: str, saga: type[Saga], journal: Journal, described: Mapping[str, str]
) -> str | None:
    if name not in saga.steps:
        return f"it has begun {name}, which is no more"
    now = saga.shape()
    for part in (name, f"undo of {name}"):
        if described.get(part) != now.get(part):
            return f"it has begun {name}, and {_change(part, described, now)}"
    for other in saga.steps[name].after:
        if other not in journal.steps:
            return f"it has begun {name}, which now waits for {other}"
    return None


def _change(part: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    if part not in now:
        return f"the {part} is no more"
    if part not in before:
        return f"the {part} is new"
    return f"{part} was {before[part]!r} and is {now[part]!r}"
