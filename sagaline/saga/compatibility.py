"""Whether a live saga instance can continue with the definition that is loaded.

Steps that the instance has requested must be declared as they were; all other steps may change.
"""

import re
from collections.abc import Mapping
from typing import Final

from eventsourcing.utils import construct_topic

from sagaline.codec import loaded_class
from sagaline.errors import UnknownTopic
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.items import step_name
from sagaline.saga.versions import shape_for, version_for

_TOPIC: Final = re.compile(r"[\w.]+:[\w.<>]+")
"""A topic in the text of a declaration."""


def incompatibility(
    saga: type[Saga], journal: Journal, described: Mapping[str, str] | None
) -> str | None:
    """Why an instance cannot continue with this definition; None where it can.

    `described` is what the store has recorded of the definition that was last run on it.
    """
    goes_by = version_for(saga, journal.fingerprint)
    declaration = saga_declaration(goes_by)
    known = None if described is None else shape_for(described, journal.fingerprint)
    began_it = goes_by is not saga or journal.fingerprint == declaration.fingerprint
    if began_it and known in (None, declaration.shape):
        return None
    if known is None:
        return (
            f"it was started by another definition, {journal.fingerprint}, "
            "which this store does not describe"
        )
    requested = dict.fromkeys(map(step_name, journal.steps))
    reasons = (_changed_step(name, goes_by, journal, known) for name in requested)
    return next((each for each in reasons if each is not None), None)


def _changed_step(
    name: str, saga: type[Saga], journal: Journal, described: Mapping[str, str]
) -> str | None:
    if name not in saga_declaration(saga).steps:
        return f"it has requested {name}, which is no longer declared"
    now = saga_declaration(saga).shape
    for part in (name, f"undo of {name}", f"saga of {name}", f"items of {name}", f"need of {name}"):
        if _in_present_topics(described.get(part)) != now.get(part):
            return f"it has requested {name}, and {_change(part, described, now)}"
    for other in saga_declaration(saga).steps[name].after:
        if other not in journal.steps and other not in journal.groups:
            return f"it has requested {name}, which now waits for {other}"
    return None


def _in_present_topics(declared: str | None) -> str | None:
    """A declaration with the present topics of classes that were renamed since."""
    return None if declared is None else _TOPIC.sub(lambda found: _present(found[0]), declared)


def _present(topic: str) -> str:
    try:
        return construct_topic(loaded_class(topic))
    except UnknownTopic:
        return topic


def _change(part: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    if part not in now:
        return f"the {part} is no longer declared"
    if part not in before:
        return f"the {part} is new"
    return f"{part} was {before[part]!r} and is {now[part]!r}"
