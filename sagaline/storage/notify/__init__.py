"""Notices that another process has written."""
