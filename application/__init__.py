"""Part of the reference shop, not of the framework: its applications, ports and system."""
