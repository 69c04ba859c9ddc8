"""The loggers of Sagaline, as a program that uses it sees them."""

import io
import logging
from pathlib import Path
from uuid import UUID

import pytest

import sagaline
from sagaline.messaging.logbook import fields, logger_of

HOSTILE = "\x1b[2J\nERROR all is lost; postgresql://shop:hunter2@db/shop"


def test_each_room_has_one_logger() -> None:
    assert logger_of("sagaline.runner.lag").name == "sagaline.runner"
    assert logger_of("sagaline.storage.notify.listener").name == "sagaline.storage"
    assert logger_of("sagaline.runner.lag") is logger_of("sagaline.runner.runner")


def test_no_module_names_its_logger_otherwise() -> None:
    sources = Path(sagaline.__file__).parent.rglob("*.py")
    asking = [each.name for each in sources if "getLogger" in each.read_text("utf-8")]
    assert sorted(asking) == ["log_output.py", "logbook.py"]


def test_the_library_prints_nothing_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        logger_of(__name__.replace("tests.", "")).error("not for a terminal")
    finally:
        root.handlers = before
    assert capfd.readouterr() == ("", "")


def test_a_handler_of_a_program_gets_safe_texts() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logger_of("sagaline.nowhere")
    logger.addHandler(handler)
    error = ValueError(HOSTILE)
    try:
        logger.error("%s of %d: %s", "Ada\n", 3, error, exc_info=error)
    finally:
        logger.removeHandler(handler)
    head, trace = written.getvalue().splitlines()
    assert head.startswith(r"Ada\n of 3: \x1b[2J\nERROR all is lost")
    assert trace.startswith(r"ValueError: \x1b[2J\nERROR")
    assert "hunter2" not in written.getvalue()


def test_a_text_that_raises_ends_nobody() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logger_of("sagaline.nowhere")
    logger.addHandler(handler)
    try:
        logger.error("it fails: %s", Mute())
    finally:
        logger.removeHandler(handler)
    assert written.getvalue() == "it fails: Mute, whose text raises RuntimeError\n"


def test_fields_are_plain_values_without_secrets() -> None:
    key = UUID(int=7)
    found = fields(key=key, attempt=2, seconds=0.5, saga=None, store="a://b:hunter2@c")
    assert found == {
        "fields": {"key": str(key), "attempt": 2, "seconds": 0.5, "store": "a://b:***@c"}
    }
