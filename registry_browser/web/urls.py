"""Every page's address. `/-/` ends a repository path, since `-` starts no component of one."""

from django.conf import settings
from django.urls import path

from registry_browser.web.views import (
    account,
    audit,
    browse,
    compare,
    dangling,
    deletions,
    history,
    layers,
    locks,
    manifest,
    notifications,
    notify,
    overview,
    parts,
    people,
    registries,
    repository,
    runs,
    seals,
    search,
    sharing,
    sign_in,
    space,
)

_REGISTRY = "r/<registry:registry>/"
_REPOSITORY = f"{_REGISTRY}<repository:path>/"
_IN = f"{_REPOSITORY}-/"

urlpatterns = [
    path("", overview.overview, name="overview"),
    # Registries
    path("registries/", registries.registries, name="registries"),
    path("registries/add/", registries.add, name="registry-add"),
    path("registries/check/", registries.check, name="registry-check"),
    path("registries/<registry:name>/", registries.edit, name="registry-edit"),
    path("registries/<registry:name>/remove/", registries.remove, name="registry-remove"),
    path("registries/<registry:name>/sync/", registries.sync, name="registry-sync"),
    # Runs
    path("runs/", runs.runs, name="runs"),
    path("runs/<int:pk>/", runs.run, name="run"),
    path("runs/<int:pk>/cancel/", runs.cancel, name="run-cancel"),
    path("runs/<int:pk>/believe/", runs.believe, name="run-believe"),
    # Deletions
    path("deletions/", deletions.deletions, name="deletions"),
    path("deletions/plan/", deletions.plan, name="deletion-plan"),
    path("deletions/locks/", locks.locks, name="locks"),
    path("deletions/locks/<int:pk>/remove/", locks.remove, name="lock-remove"),
    path("deletions/<int:pk>/", deletions.deletion, name="deletion"),
    path("deletions/<int:pk>/items.csv", deletions.items_csv, name="deletion-csv"),
    path("deletions/<int:pk>/approve/", deletions.approve_plan, name="deletion-approve"),
    path("deletions/<int:pk>/discard/", deletions.discard_plan, name="deletion-discard"),
    path("deletions/<int:pk>/cancel/", deletions.cancel_run, name="deletion-cancel"),
    path("deletions/<int:pk>/undo/", deletions.undo, name="deletion-undo"),
    # What registries tell
    path(
        "registries/<registry:name>/notifications/",
        notifications.notifications,
        name="notifications",
    ),
    path(
        "registries/<registry:name>/notifications/<int:pk>/",
        notifications.delivery,
        name="delivery",
    ),
    path(
        "registries/<registry:name>/notifications/<int:pk>/raw",
        notifications.delivery_raw,
        name="delivery-raw",
    ),
    path("notify/<registry:name>", notify.notify, name="notify"),
    path("notify/<registry:name>/<str:secret>", notify.notify, name="notify-secret"),
    # People
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/<str:token>/", sign_in.link, name="sign-in-link"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("account/", account.account, name="account"),
    path("people/", people.people, name="people"),
    path("theme/", account.theme, name="theme"),
    path("times/", account.times, name="times"),
    # Search
    path("search", search.search, name="search"),
    path("go", search.go, name="go"),
    path("i/<path:reference>", search.follow, name="follow-reference"),
    # A registry
    path(_REGISTRY, browse.place, name="place"),
    path(f"{_REGISTRY}-/layers", layers.layers, name="layers"),
    path(f"{_REGISTRY}-/layers.csv", layers.layers_csv, name="layers-csv"),
    path(f"{_REGISTRY}-/layers/<digest:digest>", layers.layer, name="layer"),
    # Space and sharing: of a registry, of what is below a path, of everything
    path("space/", space.everywhere, name="space-everywhere"),
    path("space.csv", space.everywhere_csv, name="space-everywhere-csv"),
    path("space/copies.csv", sharing.copies_csv, name="copies-csv"),
    path(f"{_REGISTRY}-/bases.csv", sharing.bases_csv, name="bases-csv"),
    *(
        path(f"{place}{name}", view, name=name.replace(".", "-"))
        for place in (f"{_REGISTRY}-/", _IN)
        for name, view in (
            ("space", space.space),
            ("space.csv", space.space_csv),
            ("dangling", dangling.dangling),
            ("dangling.csv", dangling.dangling_csv),
            ("sharing", sharing.sharing),
            ("pairs.csv", sharing.pairs_csv),
        )
    ),
    # History: of everything, of a registry, of what is at or below a path, of a tag
    *(
        path(f"{place}{address}", view, name=name)
        for place in ("", f"{_REGISTRY}-/", _IN, f"{_IN}tags/<tag:tag>/")
        for address, view, name in (
            ("history/", history.history, "history-home"),
            ("history", history.history, "history"),
            ("history/as-of", history.as_of, "history-as-of"),
            ("history/between", history.between, "history-between"),
            ("history/export.<str:form>", seals.history_export, "history-export"),
        )
    ),
    path("compare", compare.compare, name="compare"),
    path("history/audit", audit.audit, name="audit"),
    path("history/audit/export.<str:form>", audit.audit_export, name="audit-export"),
    path("history/seals", seals.seals_state, name="seals"),
    path("history/seals/verify", seals.verify, name="seals-verify"),
    path("history/seals/check", seals.check_file, name="seals-check"),
    # A namespace or repository
    path(_REPOSITORY, browse.place, name="place"),
    path(f"{_IN}tags.csv", repository.tags_csv, name="tags-csv"),
    path(f"{_IN}untagged", repository.untagged, name="untagged"),
    path(f"{_IN}untagged.csv", repository.untagged_csv, name="untagged-csv"),
    path(f"{_IN}referrers", repository.referrers, name="referrers"),
    path(f"{_IN}tags/<tag:tag>", manifest.tag, name="tag"),
    path(f"{_IN}manifests/<digest:digest>", manifest.manifest, name="manifest"),
    path(f"{_IN}manifests/<digest:digest>/raw", manifest.raw, name="manifest-raw"),
    path(f"{_IN}manifests/<digest:digest>/config", manifest.config, name="config-raw"),
]

if settings.DEBUG:
    urlpatterns.append(path("parts/", parts.parts, name="parts"))
