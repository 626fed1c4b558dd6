"""Registry Browser: a dashboard over any container registry.

It copies what a registry holds into Postgres and answers from that record: what is in here, what
shares which layers, what no tag reaches, and what every tag pointed to at any moment. `oci` speaks
to registries, `models` keeps the record, `sync` brings one to the other, `web` and `api` show it.
"""
