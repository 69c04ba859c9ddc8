"""The commands of the terminal that look at a store and change nothing."""

from tests.cli.orders import GOOD

LOOKS = (
    ("status",),
    ("events", "--json"),
    ("timeline", GOOD),
    ("sagas", "list"),
    ("sagas", "show", GOOD),
    ("timers", "list"),
    ("dead-letters", "list"),
    ("check",),
    ("timers", "history"),
)
