"""Sagas, as pure decisions: from what an instance has heard to the commands that it gives."""
