"""What the parts of a system exchange: commands, messages, faults, timers; ids and topics."""
