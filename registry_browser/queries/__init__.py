"""Answers from the record, as frozen rows. Nothing here writes or speaks to a registry."""
