"""Rebuilds of read tables from the logs, and the swap of tables."""
