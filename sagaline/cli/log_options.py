"""The options of the log: `--log-level` and `--log-format`."""

from enum import Enum
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command


class LogLevel(Enum):
    """The least severe records that are written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class LogFormat(Enum):
    """How records are written."""

    TEXT = "text"
    JSON = "json"


_KEY = f"{__name__}.given"


def given_options(ctx: Any) -> dict[str, str]:
    """Return the options of the log that are given, before the command or behind it."""
    given: dict[str, str] = ctx.meta.get(_KEY, {})
    return given


def _note(ctx: typer.Context, param: typer.CallbackParam, value: Enum | None) -> None:
    if value is not None:
        ctx.meta.setdefault(_KEY, {})[param.name] = value.value


Level = Annotated[
    LogLevel | None,
    typer.Option(
        metavar="L",
        case_sensitive=False,
        expose_value=False,
        callback=_note,
        help="The least severe records to write to stderr: DEBUG to CRITICAL. [SAGALINE_LOG_LEVEL]",
    ),
]
Format = Annotated[
    LogFormat | None,
    typer.Option(
        metavar="F",
        case_sensitive=False,
        expose_value=False,
        callback=_note,
        help="How to write them: text or json. [SAGALINE_LOG_FORMAT]",
    ),
]


@cache
def log_options() -> tuple[Any, ...]:
    """Make the options, for a command or for what stands before it."""

    def options(log_level: Level = None, log_format: Format = None) -> None: ...

    program = typer.Typer(add_completion=False)
    program.command()(options)
    return tuple(get_command(program).params)
