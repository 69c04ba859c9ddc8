"""Keys of business transactions, as the text that every store and every log line has of them."""

from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sagaline.errors import UnfitValue, storable_text

_KINDS: Final = (str, int, UUID, Decimal, date)


def key_text(value: Any) -> str | None:
    """The text of a key; None where it is not one: None, a flag, an empty text or another type.

    The text of such a value is no key: ``None`` would stand for all events that have none.
    """
    if type(value) is UUID:
        return str(value)
    if not isinstance(value, _KINDS) or isinstance(value, bool):
        return None
    text = str(value)
    return text if text.strip() and "\0" not in text and _is_encodable(text) else None


def required_key(value: Any, where: str) -> str:
    """The text of a key. Raises `UnfitValue` with where the value comes from."""
    text = key_text(value)
    if text is None:
        found = value if value is None or isinstance(value, str) else type(value)
        reason = f"{where} is text that is not empty, an integer, a date or a UUID"
        raise UnfitValue(value=found, kind="a key", reason=reason)
    return text


def _is_encodable(text: str) -> bool:
    return text.isascii() or storable_text(text) == text
