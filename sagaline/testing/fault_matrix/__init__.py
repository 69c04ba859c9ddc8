"""The fault matrix: all that can go wrong with a saga, and what must hold then."""
