"""The loggers of Sagaline: one for each room, with fields on each record, and safe texts.

They are loggers of the standard library. The library configures none: the program that uses it
says what becomes of the records.
"""

import logging
from typing import Any

from typing_extensions import override

from sagaline.messaging.plain_text import log_text, traceback_text, without_secrets

ROOT = "sagaline"
"""The logger above those of all rooms."""

logging.getLogger(ROOT).addHandler(logging.NullHandler())


class _Safe(logging.Filter):
    """Makes records safe for every handler: texts of users, ports and drivers may be hostile."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_safe, record.args))
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = traceback_text(record.exc_info[1])
        return True


_SAFE = _Safe()


def logger_of(module: str) -> logging.Logger:
    """The logger of the room that a module is in: `sagaline.runner` for `sagaline.runner.lag`."""
    logger = logging.getLogger(".".join(module.split(".")[:2]))
    logger.addFilter(_SAFE)
    return logger


def fields(**known: Any) -> dict[str, dict[str, Any]]:
    """The `extra` of a record: its `fields`, by name, without those that are None."""
    return {"fields": {name: _plain(each) for name, each in known.items() if each is not None}}


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) else without_secrets(str(value))


def _safe(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    try:
        return log_text(str(value))
    except Exception as bug:  # of an exception whose text raises
        return f"{type(value).__name__}, whose text raises {type(bug).__name__}"
