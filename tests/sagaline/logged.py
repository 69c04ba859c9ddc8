"""Reads what was logged."""

import logging
from typing import Any

import pytest


def logged(caplog: pytest.LogCaptureFixture, level: int, text: str) -> list[dict[str, Any]]:
    """The fields of the records of this level with this text."""
    return [
        getattr(each, "fields", {})
        for each in caplog.records
        if each.levelno == level and text in each.getMessage()
    ]


def with_traceback(caplog: pytest.LogCaptureFixture, text: str) -> list[logging.LogRecord]:
    """The records with this text that have a traceback."""
    return [each for each in caplog.records if text in each.getMessage() and each.exc_info]
