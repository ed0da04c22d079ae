"""Django's description of this app."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """The app `datasets`."""

    name = "catalog_svc.datasets"
    label = "datasets"
