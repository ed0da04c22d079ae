"""The pages of signing in and out, of passwords and of invitations, and where identity providers answer."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from catalog_svc import clock
from catalog_svc.accounts import invitations, opaque, services, sessions
from catalog_svc.accounts.addresses import address_of
from catalog_svc.accounts.models import Account
from catalog_svc.accounts.oidc.providers import OidcProvider
from catalog_svc.correlation import correlation_id_of
from catalog_svc.settings import settings
from dataplatform.problems import Problem

_MAX_FIELD: Final = 1024


def _telling(view: Callable[..., HttpResponse]) -> sessions.View:
    """Show a problem on the page of signing in: people read it, not programs."""

    def telling(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **options)
        except Problem as problem:
            return _page(request, problem=problem)

    return sessions.browsing(telling)


@_telling
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for user name and password, or a provider; signed in, lead to `next`, a path of this site."""
    if request.method != "POST":
        return _page(request)
    now = clock.now()
    account = services.sign_in(
        _field(request, "username"), _field(request, "password"), address=address_of(request), now=now
    )
    return _signed_in(request, account, _next(request), "password")


@_telling
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ask whether to, then end the session."""
    account = _current(request)
    if request.method == "POST":
        if account is not None:
            _audit(request, "session.ended", account)
        sessions.end(request)
        return HttpResponseRedirect("/")
    return render(request, "pages/sign_out.html", {"account": account})


@_telling
def change_password(request: HttpRequest) -> HttpResponse:
    """Replace one's password: other sessions end, this one goes on under another key."""
    account = _current(request)
    if account is None:
        return HttpResponseRedirect("/sign-in?next=/sign-in/password")
    if request.method != "POST":
        return _password_page(request, account)
    now = clock.now()
    try:
        services.change_password(
            account,
            _field(request, "current"),
            _field(request, "new"),
            address=address_of(request),
            now=now,
            correlation_id=correlation_id_of(request),
        )
    except Problem as problem:
        return _password_page(request, account, problem)
    return _signed_in(request, Account.objects.get(pk=account.pk), "/", "password")


@_telling
def invitation(request: HttpRequest) -> HttpResponse:
    """Let an invited person set a password, or come by a provider."""
    text = request.GET.get("invitation", "")
    if request.method != "POST":
        account = invitations.invited(text, clock.now())
        return _invitation_page(request, account, text)
    now = clock.now()
    try:
        account = invitations.accept(
            text, _field(request, "password"), now=now, correlation_id=correlation_id_of(request)
        )
    except Problem as problem:
        if problem.code != "weak_password":
            raise
        return _invitation_page(request, invitations.invited(text, now), text, problem)
    return _signed_in(request, account, "/", "invitation")


@_telling
def to_provider(request: HttpRequest, name: str) -> HttpResponse:
    """Send the browser to a provider, to sign in, to accept `?invitation=`, or to link who is signed in (`?link=1`)."""
    provider = _provider(name)
    purpose = {"purpose": "sign-in", "next": _next(request)}
    if text := request.GET.get("invitation", ""):
        invitations.invited(text, clock.now())
        purpose = {"purpose": "invitation", "invitation": opaque.digest(text)}
    elif "link" in request.GET:
        account = _current(request)
        if account is None:
            query = urlencode({"next": f"{request.path}?link=1"})
            return HttpResponseRedirect(f"/sign-in?{query}")
        purpose = {"purpose": "link", "account": str(account.pk)}
    from catalog_svc.accounts.oidc import conversation  # noqa: PLC0415 - 6 MB that few requests need

    return HttpResponseRedirect(conversation.begin(request, provider, _callback(provider), purpose))


@_telling
def from_provider(request: HttpRequest, name: str) -> HttpResponse:
    """Take a provider's answer."""
    from catalog_svc.accounts.oidc import conversation, provisioning  # noqa: PLC0415 - as above

    provider = _provider(name)
    answer = conversation.finish(request, provider)
    account = provisioning.account_for(
        provider, answer, current=_current(request), now=clock.now(), correlation_id=correlation_id_of(request)
    )
    return _signed_in(request, account, answer.purpose.get("next", "/"), provider.name)


def _signed_in(request: HttpRequest, account: Account, target: str, means: str) -> HttpResponse:
    sessions.begin(request, account, clock.now())
    _audit(request, "session.begun", account, means=means)
    return HttpResponseRedirect(target)


def _audit(request: HttpRequest, action: str, account: Account, **details: str) -> None:
    correlation_id = correlation_id_of(request)
    services.audited(action, account, by=account.pk, now=clock.now(), correlation_id=correlation_id, **details)


def _current(request: HttpRequest) -> Account | None:
    user = request.user
    return None if isinstance(user, AnonymousUser) or not user.is_authenticated else user


def _field(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "")[:_MAX_FIELD]


def _next(request: HttpRequest) -> str:
    """Return where to go afterwards: a path of this site, whatever the address bar was made to say."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours else "/"


def _provider(name: str) -> OidcProvider:
    for provider in settings().oidc_providers:
        if provider.name == name:
            return provider
    raise Http404


def _callback(provider: OidcProvider) -> str:
    return f"{settings().public_url.rstrip('/')}/sign-in/with/{provider.name}/answer"


def _page(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    known = {
        "account": _current(request),
        "next": _next(request),
        "problem": problem,
        "providers": settings().oidc_providers,
    }
    headers = problem.headers if problem else {}
    response = render(request, "pages/sign_in.html", known, status=problem.status if problem else 200)
    for name, value in headers.items():
        response[name] = value
    return response


def _password_page(request: HttpRequest, account: Account, problem: Problem | None = None) -> HttpResponse:
    known = {"account": account, "problem": problem, "providers": settings().oidc_providers}
    return render(request, "pages/password.html", known, status=problem.status if problem else 200)


def _invitation_page(request: HttpRequest, account: Account, text: str, problem: Problem | None = None) -> HttpResponse:
    providers = [provider for provider in settings().oidc_providers if provider.provisioning != "closed"]
    known = {"account": account, "problem": problem, "providers": providers, "invitation": text}
    return render(request, "pages/invitation.html", known, status=problem.status if problem else 200)
