"""The commands of the terminal with their help; each is imported when it is invoked."""

from sagaline.cli.lazy_command import LazyCommand, command_group

_HERE = __name__

COMMANDS = (
    LazyCommand(
        "run",
        f"{_HERE}.run:run",
        """Run the system: its followers process the events of the logs.

        Several runs on one store share the followers. With --until-settled the command returns
        when every follower has processed all events, whichever run owns it, and no timer is
        pending.
        """,
    ),
    LazyCommand(
        "status",
        f"{_HERE}.status:status",
        "Show the position of each follower, and what needs attention.",
    ),
    LazyCommand(
        "rebuild",
        f"{_HERE}.rebuild:rebuild",
        """Build read tables again from the logs, while the system runs.

        A rebuild that was stopped continues from its last commit. With --verify the exit status
        is 1 where a table differs.
        """,
    ),
    LazyCommand(
        "events",
        f"{_HERE}.events:events",
        "Print the logs in the order of time: JSON lines; on a terminal text, unless --json.",
    ),
    LazyCommand(
        "timeline",
        f"{_HERE}.timeline:timeline",
        "Print every event of one business transaction, over all logs, in causal order.",
    ),
    LazyCommand(
        "check",
        f"{_HERE}.check:check",
        """Compare live sagas, stored events and read tables with the code; change nothing.

        The exit status is 1 where the code cannot continue with one of them.
        """,
    ),
    LazyCommand(
        "diagram",
        f"{_HERE}.diagram:diagram",
        "Print a Mermaid flowchart of the system, or of one saga.",
    ),
    command_group(
        "sagas",
        "List saga instances, show one, and act on it.",
        LazyCommand(
            "list",
            f"{_HERE}.sagas:list_sagas",
            "List saga instances, newest first; the exit status is 1 where one is parked.",
        ),
        LazyCommand(
            "show",
            f"{_HERE}.saga_show:show_saga",
            "Show one saga: its history, the steps that are left, and the possible actions.",
        ),
        LazyCommand(
            "retry",
            f"{_HERE}.saga_actions:retry",
            "Issue the commands again of steps that are stuck or wait for their next attempt.",
        ),
        LazyCommand(
            "skip",
            f"{_HERE}.saga_actions:skip",
            "Mark a stuck step, or undo, as done by hand.",
        ),
        LazyCommand(
            "cancel",
            f"{_HERE}.saga_actions:cancel",
            "Compensate a saga that has not reached its pivot: undo the steps that are done.",
        ),
        LazyCommand(
            "abandon",
            f"{_HERE}.saga_actions:abandon",
            "Close a saga in its present state: no more steps and no undos run.",
        ),
    ),
    command_group(
        "timers",
        "List timers, move and cancel them.",
        LazyCommand(
            "list", f"{_HERE}.timers:list_timers", "List pending timers, the next one first."
        ),
        LazyCommand(
            "move",
            f"{_HERE}.timers:move",
            "Change the time of a timer; it fires once, at that time.",
        ),
        LazyCommand("cancel", f"{_HERE}.timers:cancel", "Delete a timer, so that it never fires."),
        LazyCommand(
            "history",
            f"{_HERE}.timers:show_history",
            "List the timers that operators moved or cancelled: who, when and why.",
        ),
    ),
    command_group(
        "dead-letters",
        "List parked events, retry or discard them.",
        LazyCommand(
            "list",
            f"{_HERE}.dead_letters:list_letters",
            "List parked events, oldest first; the exit status is 1 where there are any.",
        ),
        LazyCommand(
            "show",
            f"{_HERE}.dead_letters:show_letter",
            "Show one parked event, with the traceback of its handler.",
        ),
        LazyCommand(
            "retry",
            f"{_HERE}.dead_letters:retry_letter",
            """Process a parked event again, with the events of its key that are queued after it.

            They are processed in the order of the log, whichever of them was named. The exit
            status is 1 where one fails again: it stays parked, with those after it.
            """,
        ),
        LazyCommand(
            "discard",
            f"{_HERE}.dead_letters:discard_letter",
            "Delete a parked event: its follower never processes it.",
        ),
        LazyCommand(
            "history",
            f"{_HERE}.dead_letters:show_history",
            "List the parked events that operators retried or discarded: who, when and why.",
        ),
    ),
)
