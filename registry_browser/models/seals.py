"""Seals over both ledgers: from when on rows can no longer change without a trace."""

from __future__ import annotations

from django.db import models

from registry_browser.models.ledger import append_only


class Seal(models.Model):
    """One link of the chain. It covers the rows `…_first` to `…_last` of each ledger, `…_count` of
    them; where a ledger had nothing new, first and count are 0 and the last is that of the seal
    before.

    `digest` is the SHA-256 of all this, of the marks of the rows and of the digest of the seal
    before (`previous`, empty for the first), as lower-case hex. See `history.seals`.
    """

    number = models.BigIntegerField(unique=True)
    sealed_at = models.DateTimeField()
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    tags_first = models.BigIntegerField()
    tags_last = models.BigIntegerField()
    tags_count = models.BigIntegerField()
    audit_first = models.BigIntegerField()
    audit_last = models.BigIntegerField()
    audit_count = models.BigIntegerField()

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["tags_last"], name="seal_tags_last")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"seal {self.number}"


class SealMarks(models.Model):
    """The marks of a seal's rows, in their order: eight bytes of the id (big-endian) and the 32 of
    the row's SHA-256, for each row. They tell *which* row no longer fits.
    """

    seal = models.OneToOneField(
        Seal, on_delete=models.DO_NOTHING, primary_key=True, related_name="marks"
    )
    tags = models.BinaryField()
    audit = models.BinaryField()

    class Meta:
        triggers = append_only()
