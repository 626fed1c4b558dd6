"""From registry to record.

`observe` asks the registry and yields Observed… values; `decide` compares them with what is known
and returns Changes (pure); `store` writes content and changes in bulk; `liveness` and `figures`
bring states and rollups up to date; `run` drives one run through its repositories. `requests` is
the one door through which a sync is asked for, `registries` and
`check` look after the registries themselves. Leaves sending the work to a worker to `tasks`.
"""
