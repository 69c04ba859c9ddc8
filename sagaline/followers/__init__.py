"""Followers: they take events of logs in batches, each batch in one fenced transaction."""
