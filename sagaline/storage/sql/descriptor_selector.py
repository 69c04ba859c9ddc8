"""Waits for descriptors, also for those above 1,024."""

import selectors

Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)
"""Uses `poll`, which accepts every descriptor; `select` on Windows, which lacks `poll`."""
