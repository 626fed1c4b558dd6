"""The pages.

One address a page: a line in `urls.py`, a view, a query function, a template. htmx asks the same
address and gets a region of it. Pages show the record and start work through `tasks` and `sync`;
they open no connection to a registry themselves. Leaves reading to `queries`.
"""
