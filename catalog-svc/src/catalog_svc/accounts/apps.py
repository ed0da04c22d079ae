"""Django's description of this app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "catalog_svc.accounts"
    label = "accounts"
