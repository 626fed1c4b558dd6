"""The addresses of the API. `/-/` ends a repository path, as in the addresses of the pages."""

from django.urls import path, re_path

from registry_browser.api.views.base import UnknownAddress
from registry_browser.api.views.deletions import (
    LockDetail,
    LockList,
    PlanApprove,
    PlanCancel,
    PlanDetail,
    PlanList,
    PlanRun,
    PlanUndo,
)
from registry_browser.api.views.deliveries import DeliveryDetail, DeliveryList
from registry_browser.api.views.docs import Schema, docs
from registry_browser.api.views.exports import (
    AuditExport,
    HistoryExport,
    RepositoryHistoryExport,
)
from registry_browser.api.views.history import AuditTrail, History, RepositoryHistory, Seals
from registry_browser.api.views.layers import LayerDetail, LayerList
from registry_browser.api.views.manifests import ManifestDetail, ManifestList
from registry_browser.api.views.registries import (
    RegistryCheck,
    RegistryDetail,
    RegistryList,
    RegistrySync,
)
from registry_browser.api.views.repositories import (
    RepositoryDetail,
    RepositoryList,
    TagDetail,
    TagList,
)
from registry_browser.api.views.runs import RunCancel, RunDetail, RunList
from registry_browser.api.views.search import Search
from registry_browser.api.views.space import Space

app_name = "api"
_REGISTRY = "registries/<registry:name>/"
_REPOSITORY = f"{_REGISTRY}repositories/<repository:path>/"
_IN = f"{_REPOSITORY}-/"

urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    path("search/", Search.as_view(), name="search"),
    path("runs/", RunList.as_view(), name="runs"),
    path("runs/<number:id>/", RunDetail.as_view(), name="run"),
    path("runs/<number:id>/cancel/", RunCancel.as_view(), name="run-cancel"),
    path("deletions/", PlanList.as_view(), name="deletions"),
    path("deletions/<number:id>/", PlanDetail.as_view(), name="deletion"),
    path("deletions/<number:id>/approve/", PlanApprove.as_view(), name="deletion-approve"),
    path("deletions/<number:id>/run/", PlanRun.as_view(), name="deletion-run"),
    path("deletions/<number:id>/cancel/", PlanCancel.as_view(), name="deletion-cancel"),
    path("deletions/<number:id>/undo/", PlanUndo.as_view(), name="deletion-undo"),
    path("locks/", LockList.as_view(), name="locks"),
    path("locks/<number:id>/", LockDetail.as_view(), name="lock"),
    path("history/", History.as_view(), name="history"),
    path("history/export/", HistoryExport.as_view(), name="history-export"),
    path("audit/", AuditTrail.as_view(), name="audit"),
    path("audit/export/", AuditExport.as_view(), name="audit-export"),
    path("seals/", Seals.as_view(), name="seals"),
    path("registries/", RegistryList.as_view(), name="registries"),
    path("registries/check/", RegistryCheck.as_view(), name="registry-check"),
    path(_REGISTRY, RegistryDetail.as_view(), name="registry"),
    path(f"{_REGISTRY}sync/", RegistrySync.as_view(), name="registry-sync"),
    path(f"{_REGISTRY}deliveries/", DeliveryList.as_view(), name="deliveries"),
    path(f"{_REGISTRY}deliveries/<number:id>/", DeliveryDetail.as_view(), name="delivery"),
    path(f"{_REGISTRY}space/", Space.as_view(), name="space"),
    path(f"{_REGISTRY}layers/", LayerList.as_view(), name="layers"),
    path(f"{_REGISTRY}layers/<digest:digest>/", LayerDetail.as_view(), name="layer"),
    path(f"{_REGISTRY}repositories/", RepositoryList.as_view(), name="repositories"),
    path(_REPOSITORY, RepositoryDetail.as_view(), name="repository"),
    path(f"{_IN}tags/", TagList.as_view(), name="tags"),
    path(f"{_IN}tags/<tag:tag>/", TagDetail.as_view(), name="tag"),
    path(f"{_IN}manifests/", ManifestList.as_view(), name="manifests"),
    path(f"{_IN}manifests/<digest:digest>/", ManifestDetail.as_view(), name="manifest"),
    path(f"{_IN}history/", RepositoryHistory.as_view(), name="repository-history"),
    path(
        f"{_IN}history/export/",
        RepositoryHistoryExport.as_view(),
        name="repository-history-export",
    ),
    re_path("", UnknownAddress.as_view(), name="unknown"),
]
