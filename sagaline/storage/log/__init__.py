"""Notification logs: events in order, as the recorders of the library need them."""
