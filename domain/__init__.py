"""Part of the reference shop, not of the framework: its aggregates and value types."""
