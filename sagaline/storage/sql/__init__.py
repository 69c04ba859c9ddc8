"""Databases: connections, transactions, dialects, errors and bulk statements."""
