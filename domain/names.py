"""The cache of derived aggregate ids."""

from typing import Final

REMEMBERED_IDS: Final = 65_536
"""Derived ids of each kind in the cache: an order needs each of them a dozen times."""
