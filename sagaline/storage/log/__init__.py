"""Notification logs: the events of each application in order, behind upstream's recorders."""
