"""The REST API below `/api/v1/`: the record as JSON, for scripts and other programs.

`views` holds one thin class an address over the same query functions as the pages; `serializers`
fixes the fields, which callers may rely on. `parameters`, `pagination` and `errors` give every
address the same manners: an unknown parameter is refused, a list is walked by cursor, a fault is a
problem detail (RFC 9457). Leaves what changes anything to `sync` and `tasks`, as the pages do.
"""
