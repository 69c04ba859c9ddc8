"""Text from outside, made fit for a terminal and a log: nothing in it has an effect or a secret."""

import re
import traceback
from typing import Final

HIDDEN: Final = "***"
"""Stands for a password, a key or a stored value."""

MAX_LOG_TEXT: Final = 4_000
"""Characters of one text that a log has: the text of an exception may be of any length."""

_SECRETS: Final = (
    # The password of a URL, which may hold any character but a blank.
    (re.compile(r"(\w://[^\s:/@]*:)\S{1,1000}@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"""(?ix) (\b\w*(?:password|passwd|pwd|secret|token|api_?key|cipher_key) ["']?
            \s*[=:]\s* (?:(?:bearer|basic)\s+)? ["']?) [^\s&"',;)]+"""
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
)

_PAYLOADS: Final = (
    (
        re.compile(r"(?s)\binput_value=.{0,1000}?(?=, input_type=)"),
        f"input_value={HIDDEN}",
    ),  # pydantic
    (re.compile(r"(?s)(\[parameters: ).*?\](?=\s*(?:\(Background|$))"), rf"\1{HIDDEN}]"),  # SQL
    (re.compile(r"(Failing row contains |Key \(.*?\)=)\(.*\)"), rf"\1({HIDDEN})"),  # PostgreSQL
)


def escaped(text: str) -> str:
    """The text on one line: control characters, escapes and line ends are shown, not sent."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def without_secrets(text: str) -> str:
    """The text without the passwords and keys that it may quote."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def log_text(text: str) -> str:
    """The text of an error or a name as a log may have it: without secrets and stored values."""
    text, rest = text[: 2 * MAX_LOG_TEXT], len(text) - MAX_LOG_TEXT
    for pattern, replacement in _PAYLOADS:
        text = pattern.sub(replacement, text)
    text = escaped(without_secrets(text)[:MAX_LOG_TEXT])
    return f"{text}... ({rest:,} characters more)" if rest > 0 else text


def traceback_text(error: BaseException) -> str:
    """The traceback of an error; its lines are indented, so that no text of it forges another."""
    chunks = traceback.format_exception(error)
    return "\n  ".join(line for chunk in chunks for line in _lines(chunk))


def _lines(chunk: str) -> list[str]:
    """The lines of a frame, or the one of what an exception says."""
    lines = chunk.strip("\n").split("\n") if chunk.startswith(" ") else [chunk.strip("\n")]
    return [log_text(each) for each in lines]


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
