"""Trying again what another writer has overtaken."""

import time
from collections.abc import Callable
from random import random
from typing import Final, TypeVar

from eventsourcing.persistence import IntegrityError

T = TypeVar("T")

ATTEMPTS: Final = 20
"""How often a person's command is tried when other writers are first."""

LONGEST: Final = 0.05
"""Seconds that it waits at most between two of them."""


def retry_on_conflict(act: Callable[[], T]) -> T:
    """What `act` returns, once no other writer comes in between.

    The pauses grow, and are random, because of two that meet at once again the same one may win
    each time. Raises the last IntegrityError, a VersionConflict mostly, when the attempts are over.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return act()
        except IntegrityError:
            time.sleep(random() * min(0.001 * 2**attempt, LONGEST))
    return act()
