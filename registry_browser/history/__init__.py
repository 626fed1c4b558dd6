"""The trail: what was seen to change, and who did what here.

`ledger` writes tag events and the spans derived from them; `audit` writes what people did. Both
write in the caller's transaction, so that a change and its trace are stored together or not at all.
Reading the trail is up to `queries`.
"""
