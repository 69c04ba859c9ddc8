"""SKUs and quantities."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from domain.errors import QuantityOutOfBounds

MAX_QUANTITY: Final = 1_000_000_000
"""The largest quantity: every sum of quantities fits a database's integer."""

Sku = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""The name of an article: a stock-keeping unit."""

Quantity = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]
"""A number of pieces."""


def check_quantity(sku: str, quantity: int) -> None:
    """Raises QuantityOutOfBounds where the quantity is invalid."""
    if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:
        raise QuantityOutOfBounds(sku=sku, quantity=quantity, limit=MAX_QUANTITY)
