"""The Django app."""

from django.apps import AppConfig


class SuggestionsConfig(AppConfig):
    """Suggested rules."""

    name = "catalog_svc.suggestions"
    label = "suggestions"
