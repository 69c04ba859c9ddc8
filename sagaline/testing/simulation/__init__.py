"""Systems in memory: simulated participants, faults, and a clock that a test moves."""
