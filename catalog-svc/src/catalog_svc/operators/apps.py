"""Django's description of this app. The site is made in `site`, so nothing is looked for by itself."""

from django.apps import AppConfig


class OperatorsConfig(AppConfig):
    """The app `operators`."""

    name = "catalog_svc.operators"
    label = "operators"
