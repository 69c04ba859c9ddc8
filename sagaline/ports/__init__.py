"""Ports: calls to the outside world, which no batch and no other port waits for."""
