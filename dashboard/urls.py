"""All addresses: the pages, the API, and what monitoring asks."""

from django.urls import include, path

from dashboard import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", include("registry_browser.api.urls")),
    path("", include("registry_browser.web.urls")),
]
