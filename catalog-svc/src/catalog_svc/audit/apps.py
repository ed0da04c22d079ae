"""Django's description of this app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The app `audit`."""

    name = "catalog_svc.audit"
    label = "audit"
