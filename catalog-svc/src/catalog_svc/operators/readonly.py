"""What operators look at and nobody writes by hand: projections, the audit log, keys."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


class Logged(admin.ModelAdmin):  # type: ignore[type-arg] # generic for type checkers only
    """Base of all pages: what is written, is written down by the services that write it, in the audit log."""

    show_full_result_count = False
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever came in may look."""
        return bool(self.admin_site.has_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's names
        """Whoever came in may look."""
        return bool(self.admin_site.has_permission(request))

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nothing is made here, unless a page says so."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nothing is changed here, unless a page says so."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nothing is deleted here, unless a page says so."""
        return False

    def history_view(
        self,
        request: HttpRequest,  # noqa: ARG002
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Lead to the entries of the audit log about a thing."""
        return HttpResponseRedirect(f"/admin/audit/auditentry/?subject_id={object_id}")

    def log_addition(self, *_: Any) -> Any:
        """Leave it to the audit log."""

    def log_change(self, *_: Any) -> Any:
        """Leave it to the audit log."""

    def log_deletions(self, *_: Any) -> Any:
        """Leave it to the audit log."""


class ReadOnly(Logged):
    """Rows to look at."""


class SigningKeys(ReadOnly):
    """Keys without their private half, sealed or not."""

    list_display = ("kid", "created_at", "retired_at", "expires_at")
    exclude = ("private_key",)


class AuditEntries(ReadOnly):
    """Who did what."""

    list_display = ("id", "occurred_at", "action", "outcome", "by", "subject", "subject_id", "institution")
    list_filter = ("outcome", "subject")
    search_fields = ("subject_id", "by", "correlation_id")
    ordering = ("-id",)
    list_display_links = ("id",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Let the log be read about one thing."""
        return lookup == "subject_id" or super().lookup_allowed(lookup, value, request)
