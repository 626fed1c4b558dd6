"""Answers from the ledger: what tags pointed to, when, and who moved them."""
