"""The shop's settings, from the environment: ``SHOP_PAYMENT_TIMEOUT=30``."""

from typing import Annotated, Any, Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sagaline import SagalineError

PREFIX: Final = "SHOP_"
YEAR: Final = 366 * 24 * 60 * 60

Seconds = Annotated[float, Field(gt=0, le=YEAR, allow_inf_nan=False)]
"""A positive length of time, short enough to be added to any date."""


class SettingRefused(SagalineError, ValueError):
    """{name} must be a number of seconds, more than 0 and at most {limit}, not {value}."""

    name: str
    limit: int
    value: str


class SwitchRefused(SagalineError, ValueError):
    """{name} must be true or false, not {value}."""

    name: str
    value: str


class Settings(BaseSettings):
    """The settings with their defaults.

    Raises `SettingRefused` or `SwitchRefused`, which name the variable.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    payment_timeout: Seconds = 900
    """Seconds until the outcome of the payment step counts as unknown."""

    stock_timeout: Seconds = 300
    """Seconds until the outcome of the reservation counts as unknown."""

    retry_base: Seconds = 1
    """Seconds before the first retry."""

    one_order_per_customer: bool = False
    """Whether a customer's next order waits until the order before it has ended."""

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise _refused(error) from None


def _refused(error: ValidationError) -> SettingRefused | SwitchRefused:
    first = error.errors()[0]
    name = f"{PREFIX}{first['loc'][0]}".upper()
    if first["type"].startswith("bool"):
        return SwitchRefused(name=name, value=f"{first['input']!r:.40}")
    return SettingRefused(name=name, limit=YEAR, value=f"{first['input']!r:.40}")
