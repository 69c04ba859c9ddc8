"""Notifications that another process has written to a store."""
