"""Retries a command after a version conflict with another writer."""

import time
from collections.abc import Callable
from random import random
from typing import Final, TypeVar

from eventsourcing.persistence import IntegrityError

T = TypeVar("T")

MAX_COMMAND_ATTEMPTS: Final = 20
"""How often a caller's command is tried when other writers are first."""

MAX_CONFLICT_PAUSE: Final = 0.05
"""Most seconds between two attempts."""


def retry_on_conflict(act: Callable[[], T], attempts: int = MAX_COMMAND_ATTEMPTS) -> T:
    """Returns what `act` returns, once no other writer interferes.

    The pauses grow and are random: of two writers with equal pauses the same one may win each time.
    Raises the last IntegrityError, mostly a VersionConflict, when the attempts are used up.
    """
    for attempt in range(1, attempts):
        try:
            return act()
        except IntegrityError:
            time.sleep(random() * min(0.001 * 2**attempt, MAX_CONFLICT_PAUSE))
    return act()
