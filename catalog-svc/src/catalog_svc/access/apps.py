"""Django's description of this app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """The app `access`."""

    name = "catalog_svc.access"
    label = "access"
