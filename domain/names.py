"""How aggregates are named: by ids that follow from what they are about."""

from typing import Final

REMEMBERED_IDS: Final = 65_536
"""Ids of each kind that are kept, not hashed again: an order's are asked for a dozen times."""
