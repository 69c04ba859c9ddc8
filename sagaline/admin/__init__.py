"""Queries and repairs for operators: dead letters, timelines, saga instances."""
