"""Django's description of this app."""

from django.apps import AppConfig


class InstitutionsConfig(AppConfig):
    """The app `institutions`."""

    name = "catalog_svc.institutions"
    label = "institutions"
