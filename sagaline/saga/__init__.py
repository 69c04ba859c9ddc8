"""Sagas: their declaration, and the engine that decides which commands an instance issues."""
