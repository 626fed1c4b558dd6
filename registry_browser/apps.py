from django.apps import AppConfig


class RegistryBrowserConfig(AppConfig):
    name = "registry_browser"
    verbose_name = "Registry Browser"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Not before the apps are ready: the package imports models.
        from registry_browser.models import addresses, arrays

        addresses.register()
        arrays.register()
