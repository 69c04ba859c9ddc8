"""The framework's own tables, and the statements on each of them."""
