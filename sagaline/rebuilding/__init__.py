"""Rebuilds: read tables made again from the logs, and swapped in."""
