"""From registry to record.

`requests` is the one door through which a sync is asked for; `run` drives one run through its
repositories, `crawl` reads many of them at once: `reading` asks the registry and says what changed,
`storing` writes it in bulk, `figures` brings states and rollups up to date. `told` and `explain`
put what a registry tells beside what was seen. `registries` and `check` look after the registries
themselves. Leaves sending the work to a worker to `tasks`.
"""
