from django.apps import AppConfig


class RegistryBrowserConfig(AppConfig):
    name = "registry_browser"
    verbose_name = "Registry Browser"
    default_auto_field = "django.db.models.BigAutoField"
