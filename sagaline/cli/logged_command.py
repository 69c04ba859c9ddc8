"""A command that writes the log to stderr."""

from typing import Any

from typer.core import TyperCommand
from typing_extensions import override

from sagaline.cli.log_options import log_options


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
