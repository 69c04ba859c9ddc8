"""The log of a command: lines on stderr, as text for people or as JSON for programs."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from sagaline.cli.output import note_format, utc
from sagaline.messaging.logbook import ROOT
from sagaline.messaging.plain_text import escaped


@contextmanager
def log_to_stderr(level: str, format: str) -> Iterator[None]:
    """Write the records of Sagaline of this level and above, as `text` or `json`, to stderr."""
    handler, logger = StderrHandler(), logging.getLogger(ROOT)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    token = note_format.set(format)
    try:
        yield
    finally:
        note_format.reset(token)
        logger.setLevel(before)
        logger.removeHandler(handler)


class StderrHandler(logging.Handler):
    """Writes each record with one call to what `sys.stderr` is then: progress bars replace it."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class TextFormatter(logging.Formatter):
    """Time, level, logger, text, and the fields as ``name=value``; a traceback is indented."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={_quoted(each)}" for name, each in fields_of(record).items())
        head = (
            f"{utc(record.created)} {record.levelname} {record.name}: {record.getMessage()}{facts}"
        )
        return "\n    ".join([head, *_traceback(self, record).splitlines()])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, text, the fields, and a traceback."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "text": record.getMessage(),
            **fields_of(record),
        }
        trace = _traceback(self, record)
        return json.dumps({**document, "traceback": trace} if trace else document, default=str)


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """The fields of a record of Sagaline."""
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


def _quoted(value: Any) -> str:
    text = escaped(str(value))
    is_plain = text and not any(each in text for each in ' ="')
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return record.exc_text or formatter.formatException(record.exc_info)
