"""`python -m sagaline` is `sagaline`."""

from sagaline.cli import script

script()
