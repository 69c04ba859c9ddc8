"""The commands of the terminal with their help; each is imported when it is invoked."""

from sagaline.cli.lazy_command import LazyCommand, command_group


def _lazy(name: str, target: str, help: str) -> LazyCommand:
    return LazyCommand(name, f"{__name__}.{target}", help)


_MANY = """With --all, --saga, --step, --reason-like or --since in place of an ID it acts on many.
The exit status is 1 where it cannot be done to one of them. It selects"""

SAGAS = command_group(
    "sagas",
    "List saga instances, show one, and act on it.",
    _lazy(
        "list", "sagas:list_sagas", "List saga instances; the exit status is 1 if one is parked."
    ),
    _lazy(
        "show", "saga_show:show_saga", "Show a saga: history, remaining steps, possible actions."
    ),
    _lazy("query", "saga_query:query", "Ask a saga what it tells about itself."),
    _lazy("signal", "saga_signal:send_signal", "Tell a running saga something that it hears."),
    _lazy(
        "retry",
        "saga_actions:retry",
        f"Issue the commands of stuck or waiting steps again.\n\n{_MANY} among parked sagas.",
    ),
    _lazy(
        "skip",
        "saga_actions:skip",
        f"Mark a stuck step, or undo, as done by hand.\n\n{_MANY} among parked sagas.",
    ),
    _lazy(
        "cancel",
        "saga_actions:cancel",
        f"Compensate a saga that has not reached its pivot.\n\n{_MANY} among running and parked "
        "sagas.",
    ),
    _lazy(
        "abandon",
        "saga_actions:abandon",
        f"Close a saga as it is: no more steps or undos run.\n\n{_MANY} among open sagas.",
    ),
    _lazy("record", "against:record", "Write the journals of open sagas to a file, for `check`."),
    _lazy("history", "saga_actions:show_history", "List the actions of operators on many sagas."),
)

TIMERS = command_group(
    "timers",
    "List timers, move and cancel them.",
    _lazy("list", "timers:list_timers", "List pending timers, the next one first."),
    _lazy("move", "timers:move", "Change the time of a timer; it fires once, at that time."),
    _lazy("cancel", "timers:cancel", "Delete a timer, so that it never fires."),
    _lazy("history", "timers:show_history", "List the actions of operators on timers."),
)

DEAD_LETTERS = command_group(
    "dead-letters",
    "List parked events, retry or discard them.",
    _lazy(
        "list",
        "dead_letters:list_letters",
        "List parked events; the exit status is 1 if there is one.",
    ),
    _lazy("show", "dead_letters:show_letter", "Show one parked event, with its traceback."),
    _lazy("signal", "saga_signal:send_signal", "Tell a running saga something that it hears."),
    _lazy(
        "retry",
        "dead_letters:retry_letter",
        """Process a parked event again, with the events of its key that are queued after it.

        They are processed in the order of the log, whichever of them was named. The exit status
        is 1 where one fails again: it stays parked, with those after it. With --all, --saga,
        --step, --reason-like or --since in place of an ID it acts on many.
        """,
    ),
    _lazy(
        "discard",
        "dead_letters:discard_letter",
        """Delete a parked event: it is never processed.

        With --all, --saga, --step, --reason-like or --since in place of an ID it acts on many.
        """,
    ),
    _lazy(
        "history", "dead_letters:show_history", "List the actions of operators on parked events."
    ),
)

COMMANDS = (
    _lazy(
        "run",
        "run:run",
        """Run the system: its followers process the events of the logs.

        Several runs on one store share the followers. With --until-settled the command returns
        when every follower has processed all events, whichever run owns it, and no timer is
        pending.
        """,
    ),
    _lazy("status", "status:status", "Show each follower's position, and what needs attention."),
    _lazy(
        "rebuild",
        "rebuild:rebuild",
        """Build read tables again from the logs, while the system runs.

        A rebuild that was stopped continues from its last commit. With --verify the exit status
        is 1 where a table differs.
        """,
    ),
    _lazy(
        "events", "events:events", "Print the logs by time: text on a terminal, else JSON lines."
    ),
    _lazy("timeline", "timeline:timeline", "Print all events of one key in causal order."),
    _lazy(
        "check",
        "check:check",
        """Compare live sagas, stored events and read tables with the code; change nothing.

        The exit status is 1 where the code cannot continue with one of them. With --against it
        plays recorded journals through the code, and is 1 where an instance takes another turn.
        """,
    ),
    _lazy("diagram", "diagram:diagram", "Print a Mermaid flowchart of the system, or of one saga."),
    _lazy("settings", "settings:list_settings", "List all settings: values, defaults and sources."),
    SAGAS,
    TIMERS,
    DEAD_LETTERS,
)
