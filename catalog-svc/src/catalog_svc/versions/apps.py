"""Django's entry for this domain."""

from django.apps import AppConfig


class VersionsConfig(AppConfig):
    """The domain `versions`."""

    name = "catalog_svc.versions"
    label = "versions"
