"""The Django app."""

from django.apps import AppConfig


class HarvestingConfig(AppConfig):
    """Harvesting."""

    name = "catalog_svc.harvesting"
    label = "harvesting"
