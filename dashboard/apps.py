"""Makes the shell a Django app, for its `up` command; it has no models."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        """Make our Celery application the one that `shared_task` finds, in every process."""
        import dashboard.celery  # noqa: F401
