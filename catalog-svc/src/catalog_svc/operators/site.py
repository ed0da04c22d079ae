"""The site itself: who may come in, how its pages are protected, and what it shows."""

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from catalog_svc.accounts import sessions
from catalog_svc.accounts.models import Account, ExternalIdentity, PersonalToken, ServiceAccount, SigningKey
from catalog_svc.api import problem_response
from catalog_svc.audit.models import AuditEntry
from catalog_svc.institutions.models import Membership
from catalog_svc.operators import readonly, writing
from catalog_svc.projections.tables import projection_models
from dataplatform.problems import Problem

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class OperatorSite(admin.AdminSite):
    """Django's admin for administrators of the platform, who sign in where everybody does."""

    site_header = site_title = "Data Platform"
    index_title = "For operators"
    index_template = "operators/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the session is an administrator's of the platform."""
        return isinstance(request.user, Account) and request.user.is_active and request.user.is_admin

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Give a view its session and its content security policy; refuse whoever is signed in and no administrator."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                return problem_response(Problem("forbidden", "Forbidden", 403, "for administrators of the platform"))
            try:
                response: HttpResponseBase = inner(request, *args, **options)
            except Problem as problem:
                return problem_response(problem)
            response.headers["Content-Security-Policy"] = POLICY
            return response

        return sessions.session_only(guarded)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Lead to our own page of signing in."""
        return HttpResponseRedirect(f"/sign-in?{urlencode({'next': request.GET.get('next', '/admin/')})}")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Lead to our own page of signing out."""
        return HttpResponseRedirect("/sign-out")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Lead to our own page of passwords."""
        return HttpResponseRedirect("/sign-in/password")


def make() -> OperatorSite:
    """Return the site with everything that operators look at."""
    site = OperatorSite(name="admin")
    site.register(Account, writing.Accounts)
    site.register(Membership, writing.Memberships)
    site.register(PersonalToken, writing.PersonalTokens)
    site.register(ServiceAccount, readonly.ReadOnly)
    site.register(ExternalIdentity, readonly.ReadOnly)
    site.register(SigningKey, readonly.SigningKeys)
    site.register(AuditEntry, readonly.AuditEntries)
    site.register(projection_models(), readonly.ReadOnly)
    return site
