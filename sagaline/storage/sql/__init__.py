"""Databases: connections, transactions, dialects, column types, errors and bulk statements."""
