"""How registries speak: the OCI Distribution and Docker Registry v2 protocols, in plain Python.

One file per word of the protocol, from the bottom up:

    errors  text                              what can go wrong; text made fit to store
    digest  reference  mediatypes             names that exist only when they are valid
    pasted                                    what a person pastes, whatever it is
    descriptor  manifest  config              documents, parsed once at the border
    addresses  endpoint                       where a registry is, and where nobody goes
    pace  failures  transport                 one HTTP exchange: how often, and why none came
    answers  paging  auth                     what an answer means; lists in pages; credentials
    dialects                                  what one product adds or leaves out
    connection  client  push  probe           reading, writing, and finding out who is there

Nothing here knows Django, settings or a database, and nothing here decides what an answer means
for the record: that is the work of `sync`.
"""
