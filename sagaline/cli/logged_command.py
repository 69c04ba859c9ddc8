"""Commands with the options of the log: `--log-level` and `--log-format`."""

from enum import Enum
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command
from typing_extensions import override


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


class LoggedCommand(TyperCommand):
    """A command that writes the log to stderr while it runs, by its options and the settings."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params += log_options()

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        from sagaline.cli.log_output import log_to_stderr
        from sagaline.cli.settings import settings_of

        settings = settings_of(ctx)
        # Until the program ends: what it says of an error has the same format.
        ctx.find_root().with_resource(log_to_stderr(settings.log_level, settings.log_format))
        return super().invoke(ctx)


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
