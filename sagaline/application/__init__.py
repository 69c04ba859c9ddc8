"""Applications: handlers of commands in units of work, ports, and sagas as process applications."""
