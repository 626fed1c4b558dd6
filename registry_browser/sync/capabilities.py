"""What a registry is and can do: asked at its first sync, and again where the answer may be another
by now.
"""

from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from registry_browser.models import Registry, SyncItem, SyncPhase, SyncRun
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.probe import has_referrers_api, probe
from registry_browser.sync.registries import AUTO
from registry_browser.sync.storing.content import holds_manifests


async def learn(run: SyncRun, client: RegistryClient) -> None:
    """Ask before anything is read, unless it is known; a full check asks anew, since registries are
    upgraded. What the registry does not say this time stays as it was.
    """
    registry = run.registry
    asks_anew = run.full_check and run.whole and run.phase == SyncPhase.LISTING
    if registry.capabilities and not asks_anew:
        return
    found = await probe(client)
    if found.capabilities is None or client.closed_for:
        # Cut off by a registry that wants us to wait, a probe would take silence for inability.
        return
    known = {name: can for name, can in found.capabilities.items() if can is not None}
    learned = {**found.capabilities, **registry.capabilities, **known}
    dialect = found.dialect if registry.dialect == AUTO else registry.dialect
    if await _as_asked(registry).aupdate(capabilities=learned, dialect=dialect):
        registry.capabilities, registry.dialect = learned, dialect


async def learn_referrers(run: SyncRun, client: RegistryClient) -> None:
    """Ask whether there is a referrers API, where nobody could tell: of a registry that was empty,
    or too busy to say. Where content was stored without its referrers, the run looks for them.
    """
    registry = run.registry
    if not registry.capabilities or registry.capabilities.get("referrers_api") is not None:
        return
    listed = SyncItem.objects.filter(run=run, listed=True).order_by("pk")
    path = await listed.values_list("path", flat=True).afirst()
    if path is None or (answer := await has_referrers_api(client, path)) is None:
        return
    learned = {**registry.capabilities, "referrers_api": answer}
    if not await _as_asked(registry).aupdate(capabilities=learned):
        return
    registry.capabilities = learned
    if answer and await sync_to_async(holds_manifests)(registry.pk):
        run.full_check = True
        await run.asave(update_fields=["full_check"])


def _as_asked(registry: Registry) -> QuerySet[Registry]:
    """The registry, unless an admin has meanwhile changed whom we ask, or as what: then the answer
    says nothing about it.
    """
    return Registry.objects.filter(pk=registry.pk, url=registry.url, dialect=registry.dialect)
