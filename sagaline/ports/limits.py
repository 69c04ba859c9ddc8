"""The limits of a port: how many calls at a time and a second, how long, and how often again."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import named
from sagaline.messaging.retry import Retry

MAX_PORT_CALLS = 128
"""Calls of one port that are under way at the same time."""

PORT_CALL_TIMEOUT = 30.0
"""Seconds until a call without an answer is a fault."""


if TYPE_CHECKING:
    _OneLine = type  # a type checker reads the fields by the base class alone
else:

    class _OneLine(type(BaseModel)):
        """Refuses arguments in one line, which names the class."""

        def __call__(cls, *args: Any, **given: Any) -> Any:
            try:
                return super().__call__(*args, **given)
            except ValidationError as error:
                raise _refusal(cls.__name__, error, f"See help({cls.__name__}).") from error


class Breaker(BaseModel, metaclass=_OneLine):
    """Stops calls of a port after `failures` faults in a row, for `pause`; then one call tries it.

    Calls that come meanwhile wait: none of them becomes a fault. After an answer all go on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: int = Field(5, ge=1)
    pause: timedelta = Field(timedelta(seconds=30), gt=timedelta(0))


class PortLimits(BaseModel, metaclass=_OneLine):
    """What a port is spared, and what its callers are; None where a wider default holds.

    `concurrency` is how many calls may be under way at a time, `per_second` how many may begin in
    a second. A call that takes longer than `timeout` is a fault. `retry` says how often a fault is
    tried again before anyone hears of it, and `breaker` when a port is left alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: int | None = Field(None, ge=1, le=10_000)
    per_second: float | None = Field(None, gt=0)
    timeout: timedelta | None = Field(None, gt=timedelta(0))
    retry: Retry | None = None
    breaker: Breaker | None = None

    def over(self, wider: "PortLimits") -> "PortLimits":
        """These limits, completed by wider ones."""
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        return wider.model_copy(update={name: getattr(self, name) for name in given})


DEFAULT_LIMITS = PortLimits(
    concurrency=MAX_PORT_CALLS, timeout=timedelta(seconds=PORT_CALL_TIMEOUT)
)


def declared_limits(where: str, given: dict[str, Any]) -> PortLimits:
    """The limits in the arguments of a declaration. Raises DefinitionError."""
    try:
        return PortLimits.model_validate(given)
    except ValidationError as error:
        cure = "Write @take.asks(concurrency=8, per_second=50, timeout=seconds(5))."
        raise _refusal(where, error, cure) from error


def _refusal(where: str, error: ValidationError, cure: str) -> DefinitionError:
    first = error.errors()[0]
    name, reason = first["loc"][0], first["msg"].replace("Input should", "it should")
    problem = f"its {name} is {named(first['input'])}: {reason}"
    return DefinitionError(where=where, problem=problem, cure=cure)
