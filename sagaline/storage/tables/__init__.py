"""The framework's own tables, and the statements over each."""
