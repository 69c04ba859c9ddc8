"""Runners: the loop that runs followers, their leases, and the start-up of a system."""
