"""The simulated payment gateway and carrier, which stand in for real ones."""
