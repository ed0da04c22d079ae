"""Browser sessions: begun when somebody signs in, kept in the database, and what a request's cookie says.

Django's own sessions, without its middleware: only views that pages need go through `browsing`, so that the REST
interface pays for a session only where a request has a cookie and no token.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, login, logout
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.middleware import SessionMiddleware
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare
from django.utils.decorators import decorator_from_middleware
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from catalog_svc.accounts.models import Account

BACKEND: Final = "catalog_svc.accounts.sessions.Backend"
_SIGNED_IN_AT: Final = "signed_in_at"
_SWEPT_AT_ONCE: Final = 100

View = Callable[..., HttpResponseBase]
_with_session = decorator_from_middleware(SessionMiddleware)
_with_messages = decorator_from_middleware(MessageMiddleware)


class Backend(BaseBackend):
    """What Django's sign-in asks for. Passwords are checked by `accounts.services`, which throttles."""

    def get_user(self, user_id: Any) -> Account | None:
        """Return the account of a session, None where it is switched off."""
        return Account.objects.filter(pk=user_id, is_active=True).first()


def browsing(view: View) -> View:
    """Give a view `request.session`, `request.user` and messages, and protect its writes from other sites."""
    return session_only(csrf_protect(never_cache(view)))


def session_only(view: View) -> View:
    """Give a view `request.session`, `request.user` and messages; it sees to CSRF itself, as Django's admin does."""

    def with_user(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        user: Any = SimpleLazyObject(lambda: account_of(request.session) or AnonymousUser())
        request.user = user
        return _with_messages(view)(request, *args, **options)

    wrapped: View = _with_session(with_user)
    return wrapped


def begin(request: HttpRequest, account: Account, now: datetime) -> None:
    """Sign an account in: the session gets another key, so one that was planted before is worth nothing."""
    request.session.cycle_key()  # Django keeps the key where the same account signs in again
    login(request, account, backend=BACKEND)
    request.session[_SIGNED_IN_AT] = now.isoformat()
    old = Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)[:_SWEPT_AT_ONCE]
    Session.objects.filter(pk__in=list(old)).delete()


def end(request: HttpRequest) -> None:
    """Sign out: the session is gone from the database."""
    logout(request)


def account_of(session: SessionBase) -> Account | None:
    """Return whose session it is, None where it is nobody's any more."""
    if session.get(BACKEND_SESSION_KEY) != BACKEND or _SIGNED_IN_AT not in session:
        return None
    account = Account.objects.filter(pk=UUID(session[SESSION_KEY]), is_active=True).first()
    if account is None or account.tokens_valid_from > datetime.fromisoformat(session[_SIGNED_IN_AT]):
        return None
    same = constant_time_compare(session.get(HASH_SESSION_KEY, ""), account.get_session_auth_hash())
    return account if same else None


def account_of_cookie(request: HttpRequest) -> Account | None:
    """Return whose session the request's cookie names, for requests that did not go through `browsing`."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    return account_of(SessionStore(key))
