"""Django's description of this app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """The app `webhooks`."""

    name = "catalog_svc.webhooks"
    label = "webhooks"
