"""Part of the reference shop, not of the framework: its order flow, in two kinds of saga."""
