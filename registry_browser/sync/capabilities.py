"""What a registry is and can do: asked at its first sync, and again where the answer may be another
by now.
"""

from asgiref.sync import sync_to_async

from registry_browser.models import SyncItem, SyncPhase, SyncRun
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
    if found.capabilities is None:
        return
    known = {name: can for name, can in found.capabilities.items() if can is not None}
    registry.capabilities = {**found.capabilities, **registry.capabilities, **known}
    if registry.dialect == AUTO:
        registry.dialect = found.dialect
    await registry.asave(update_fields=["capabilities", "dialect"])


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
    registry.capabilities["referrers_api"] = answer
    await registry.asave(update_fields=["capabilities"])
    if answer and await sync_to_async(holds_manifests)(registry.pk):
        run.full_check = True
        await run.asave(update_fields=["full_check"])
