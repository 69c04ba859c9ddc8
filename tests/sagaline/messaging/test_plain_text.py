"""Texts from outside have no effect on a terminal, and carry no secret into a log."""

import time

import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy import create_engine, text

from sagaline.messaging.plain_text import (
    MAX_LOG_TEXT,
    escaped,
    log_text,
    traceback_text,
    without_secrets,
)

HOSTILE = "\x1b[2J\x9b31m\r\nERROR all is lost\x00\x07\u202e\u2028\x85\ud800"


def test_what_steers_a_terminal_is_shown() -> None:
    shown = escaped(HOSTILE)
    assert shown.isprintable()
    assert shown.isascii()
    assert shown.startswith(r"\x1b[2J\x9b31m\r\nERROR all is lost\x00")


def test_plain_text_of_any_language_stays_as_it_is() -> None:
    assert escaped("Zürich, 東京: 3 € owed") == "Zürich, 東京: 3 € owed"


@pytest.mark.parametrize(
    "said",
    [
        "cannot reach postgresql+psycopg://shop:hunter2@db:5432/shop",
        "cannot reach postgresql://shop:hun/hunter2@db/shop",
        "cannot reach amqp://:hunter2@queue",
        "host=db user=shop password=hunter2",
        "{'password': 'hunter2', 'user': 'shop'}",
        '{"api_key": "hunter2"}',
        "GET https://gateway/pay?token=hunter2&amount=5",
        "CIPHER_KEY=hunter2",
        "Authorization: Bearer hunter2hunter2",
        "authorization token: Bearer hunter2",
    ],
)
def test_a_secret_is_hidden(said: str) -> None:
    assert "hunter2" not in without_secrets(said)
    assert "***" in without_secrets(said)


@pytest.mark.parametrize(
    "said",
    ["password authentication failed for user shop", "sqlite:///shop.db", "https://gateway:8080/a"],
)
def test_a_text_without_a_secret_stays_as_it_is(said: str) -> None:
    assert without_secrets(said) == said


NUMBER = "4111-secret"


class Card(BaseModel):
    number: int


def test_a_value_that_was_refused_is_hidden() -> None:
    with pytest.raises(ValidationError) as refused:
        Card.model_validate({"number": NUMBER})
    assert "number" in log_text(str(refused.value))
    assert NUMBER not in log_text(str(refused.value))
    assert NUMBER not in traceback_text(refused.value)


def test_the_values_of_a_statement_are_hidden() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(Exception, match="no such table") as failed:
        connection.execute(text("INSERT INTO cards VALUES (:number)"), {"number": NUMBER})
    engine.dispose()
    assert NUMBER in str(failed.value)
    assert NUMBER not in log_text(str(failed.value))
    assert NUMBER not in traceback_text(failed.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("DETAIL: Key (card)=(4111) already exists.", "DETAIL: Key (card)=(***) already exists."),
        ("Failing row contains (4111, null).", "Failing row contains (***)."),
    ],
)
def test_the_values_that_a_server_quotes_are_hidden(said: str, shown: str) -> None:
    assert log_text(said) == shown


def test_a_traceback_has_no_line_of_a_hostile_text() -> None:
    error = ValueError(HOSTILE)
    error.add_note(f"a note{HOSTILE}")
    try:
        try:
            raise error
        except ValueError as cause:
            raise LookupError(HOSTILE) from cause
    except LookupError as raised:
        lines = traceback_text(raised).split("\n")
    assert all(each.isprintable() for each in lines)
    assert lines[0] == "Traceback (most recent call last):"
    assert all(each.startswith("  ") for each in lines[1:])
    assert any("test_plain_text.py" in each for each in lines)
    assert any(each.startswith(r"  ValueError: \x1b[2J") for each in lines)
    assert lines[-1].startswith(r"  LookupError: \x1b[2J")


def test_an_error_whose_text_raises_has_a_traceback() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert "Mute" in traceback_text(Mute())


@pytest.mark.parametrize("part", ["x://a:", "input_value=", "[parameters: ", "Key (", "token="])
def test_a_text_of_any_length_is_cut_in_no_time(part: str) -> None:
    started = time.process_time()
    shown = log_text(part * 200_000)
    assert time.process_time() - started < 1.0
    assert len(shown) < MAX_LOG_TEXT + 40
    assert shown.endswith(" characters more)")


def test_a_secret_at_the_end_of_what_is_shown_is_hidden() -> None:
    said = f"{'x' * (MAX_LOG_TEXT - 20)} a://shop:hunter2{'@db' * 50}"
    assert "hun" not in log_text(said)
