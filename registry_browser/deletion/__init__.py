"""Deleting from a registry: the only package that does, and never by tag.

    gather ▶ plan ▶ store            what the record holds, what may go and why, a plan to review
    requests                         approve, discard, cancel, ask for an undo: who may, and when
    run ◀ look                       item by item; what the registry says right before each call
    walk                             whether every remaining tag is whole
    undo                             the kept bodies back by digest

`graph` and `plan` think and touch nothing. What can do harm is in `run`, and what writes, in
`undo`. Syncing before and after is put together in `tasks`.
"""
