"""Runners: the loop that leads followers, their leases, and the start of a system."""
