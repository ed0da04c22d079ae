"""The Django app."""

from django.apps import AppConfig


class StewardshipConfig(AppConfig):
    """Stewardship."""

    name = "catalog_svc.stewardship"
    label = "stewardship"
