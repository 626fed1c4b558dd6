"""Figures of places as they were, day by day; kept by `sync.figures.trends`."""

from __future__ import annotations

from django.db import models

from registry_browser.models.registry import Registry


class PlaceFigure(models.Model):
    """The bytes of a repository or namespace after the last run of a day, in UTC, on which they
    were not what they had been before. The day after is the same until there is another row.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.CASCADE, related_name="place_figures", db_index=False
    )
    path = models.CharField(max_length=255, db_collation="C")
    day = models.DateField()
    stored_bytes = models.BigIntegerField()
    reclaimable_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["registry", "path", "day"], name="place_figure_day")
        ]

    def __str__(self) -> str:
        return f"{self.path} on {self.day}"
