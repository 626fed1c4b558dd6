"""Commands of `manage.py`, for a person at a terminal and for scripts.

Each says what it did in one line a fact; bad input ends it with one line that names the thing and
the next step, status 1, and nothing half done. Leaves the work to the same doors that the pages and
the API use.
"""
