"""What travels between parts of a system: commands, messages, faults, timers, ids and topics."""
