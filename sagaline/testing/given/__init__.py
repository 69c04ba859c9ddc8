"""Tests of one aggregate, saga or read model: given, when, then."""
