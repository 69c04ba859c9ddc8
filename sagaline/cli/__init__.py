"""The command line: `sagaline [--app MODULE:SYSTEM] [--store URL] COMMAND`."""

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the command line as the main program of a process."""
    from sagaline.cli.entrypoint import launch
    from sagaline.cli.program import program

    launch(program, "sagaline")


def script() -> None:
    """Run it as the command `sagaline`, which ends the process."""
    run_process(main)


def run_process(main: "Callable[[], None]") -> None:
    """Run a command line as the main program of a process, and end the process with its status.

    What `main` needs is best imported in it: to import takes longer than anything else that a
    short command does, and a signal meanwhile ends the process with status 0.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: os._exit(0))  # nothing is under way yet
    from sagaline.cli.signals import end_process

    end_process(main)
