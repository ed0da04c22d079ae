"""Django's description of this app."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """The app `exports`."""

    name = "catalog_svc.exports"
    label = "exports"
