"""What is measured in a process of its own, and is no command of the framework."""
