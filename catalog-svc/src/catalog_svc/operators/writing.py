"""What operators change: accounts, memberships, and tokens (which they only end). All of it by the services."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog_svc import clock
from catalog_svc.accounts import personal_tokens, services
from catalog_svc.accounts.models import Account, PersonalToken
from catalog_svc.audit.acting import Act
from catalog_svc.correlation import correlation_id_of
from catalog_svc.institutions import memberships
from catalog_svc.institutions.models import ROLES, Institution, Membership
from catalog_svc.operators.readonly import Logged


class Accounts(Logged):
    """Accounts: named, switched on and off, made administrators of the platform. Invitations make them."""

    list_display = ("username", "name", "is_active", "is_admin", "created_at", "last_login")
    list_filter = ("is_active", "is_admin")
    search_fields = ("username", "name")
    ordering = ("username",)
    fields = ("username", "name", "is_active", "is_admin", "created_at", "last_login", "tokens_valid_from")
    readonly_fields = ("username", "created_at", "last_login", "tokens_valid_from")
    actions = ("sign_out_everywhere",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's names
        """Whoever came in may."""
        return bool(self.admin_site.has_permission(request))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002
        """Change what the form changed; the last administrator stays one."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.revise(
            obj.pk, changes, by=_operator(request), now=clock.now(), correlation_id=correlation_id_of(request)
        )

    @admin.action(description="End sessions and tokens")
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Make everybody who uses these accounts sign in again."""
        for account in queryset:
            services.sign_out_everywhere(
                account,
                personal_tokens=True,
                by=_operator(request),
                now=clock.now(),
                correlation_id=correlation_id_of(request),
            )


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg] # generic for type checkers only
    """An account, an institution, a role."""

    institution_slug = forms.ModelChoiceField(Institution.objects.order_by("slug"), to_field_name="slug")
    role = forms.ChoiceField(choices=[(role, role) for role in ROLES])

    class Meta:
        """What is asked for."""

        model = Membership
        fields = ("account", "institution_slug", "role")

    def clean_institution_slug(self) -> str:
        """Keep the slug."""
        return str(self.cleaned_data["institution_slug"].slug)


class Memberships(Logged):
    """Members of institutions: they come and go here; what they may is changed in the REST interface."""

    list_display = ("account", "institution_slug", "role")
    list_filter = ("role",)
    search_fields = ("account__username", "institution_slug")
    autocomplete_fields = ("account",)
    list_select_related = ("account",)
    form = MembershipForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever came in may."""
        return bool(self.admin_site.has_permission(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whoever came in may."""
        return bool(self.admin_site.has_permission(request))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002
        """Make the account a member; whoever is one already changes in the REST interface."""
        memberships.add(obj.institution_slug, obj.account, obj.role, _act(request))
        obj.pk = Membership.objects.get(account=obj.account, institution_slug=obj.institution_slug, role=obj.role).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Let the member go; an institution keeps an administrator."""
        memberships.remove(obj.institution_slug, obj.account_id, _act(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let several go."""
        for slug, account_id in set(queryset.values_list("institution_slug", "account_id")):
            memberships.remove(slug, account_id, _act(request))


class PersonalTokens(Logged):
    """Personal access tokens, of which only the ending is known: to look at, and to end."""

    list_display = ("name", "ending", "account", "created_at", "expires_at", "revoked_at", "last_used_at")
    search_fields = ("name", "ending", "account__username")
    list_select_related = ("account",)
    exclude = ("digest",)
    ordering = ("-created_at",)
    actions = ("revoke",)

    @admin.action(description="Revoke the tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[PersonalToken]) -> None:
        """End tokens, and those that were made with them."""
        for token in queryset:
            personal_tokens.revoke(
                token.account_id,
                token.pk,
                by=_operator(request),
                now=clock.now(),
                correlation_id=correlation_id_of(request),
            )


def _operator(request: HttpRequest) -> UUID:
    return UUID(str(request.user.pk))


def _act(request: HttpRequest) -> Act:
    return Act(_operator(request), clock.now(), correlation_id_of(request))
