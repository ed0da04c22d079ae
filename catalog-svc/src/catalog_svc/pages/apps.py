"""Django's description of this app."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """The app `pages`."""

    name = "catalog_svc.pages"
    label = "pages"
