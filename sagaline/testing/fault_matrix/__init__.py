"""The fault matrix: every fault of a saga, and the invariants that must hold."""
