"""Read models: tables that are folded from events."""
