"""Observed content and decided changes, written into the record in bulk: `content` before the
`changes` that point to it, `absences` when a run may believe them. `statistics` keeps the planner
informed while tables grow from nothing.
"""
