"""Django app of the search."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """The words that documents are found by."""

    name = "catalog_svc.search"
    label = "search"
