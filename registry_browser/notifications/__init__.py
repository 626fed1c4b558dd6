"""What registries tell us, taken in.

`formats` reads what was sent, one pure file for each kind of sender. `door` decides who is let in,
`receive` stores, `run` turns what is stored into the repositories to sync, `endpoints` is what an
admin does. Nothing in here is believed: a notification says where to look, and who it was. Leaves
syncing to `sync`, the ledger to `history`.
"""
