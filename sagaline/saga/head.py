"""What stands in the head of a saga class."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sagaline.messaging.identity import Begin
from sagaline.saga.children import WhenAbandoned


@dataclass(frozen=True)
class Head:
    """What starts a saga, whose instances they are, and what it is called."""

    starts_on: type
    key_of: Callable[[Any], Any]
    """From what starts an instance to the key of the business transaction."""
    name: str
    """Its name in stores."""
    begin: Begin | None
    expected: timedelta | None
    """How long an instance should take."""
    when_abandoned: WhenAbandoned
