"""Followers: they handle the events of logs in batches, each batch in one fenced transaction."""
