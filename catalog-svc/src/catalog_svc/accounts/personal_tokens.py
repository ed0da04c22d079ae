"""Personal access tokens: made, used, revoked. A token that was made with a token has no more than that one has."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Q

from catalog_svc.accounts import opaque
from catalog_svc.accounts.models import Account, PersonalToken
from catalog_svc.accounts.scopes import CEILINGS, ceiling
from catalog_svc.accounts.tokens import principal_for
from catalog_svc.audit.services import record
from dataplatform.identity import ROLES, InvalidTokenError, Principal
from dataplatform.problems import Problem

LIMIT_PER_ACCOUNT: Final = 100
LAST_USE_EVERY: Final = timedelta(minutes=1)
KEPT_AFTER_END: Final = timedelta(days=90)

_DESCENDANTS: Final = """
WITH RECURSIVE family (id) AS (
    SELECT id FROM personal_tokens WHERE id = %s
    UNION SELECT t.id FROM personal_tokens t JOIN family f ON t.parent_id = f.id
)
UPDATE personal_tokens t SET revoked_at = %s FROM family f WHERE t.id = f.id AND t.revoked_at IS NULL
"""


@dataclass(frozen=True)
class Wish:
    """What a new token shall be."""

    name: str
    scopes: Sequence[str]
    institutions: Sequence[str] | None
    expires_at: datetime


def create(
    account: Account, wish: Wish, maker: Principal, *, now: datetime, most: timedelta, correlation_id: UUID
) -> tuple[PersonalToken, str]:
    """Make a token of `account`; return it and the text that is never shown again.

    Raises 422 problems for an expiry that is past or beyond `most`, and for more than `maker` may give away.
    """
    parent = _parent(maker)
    _check(wish, maker, parent, now=now, most=most)
    text = opaque.mint(opaque.TOKEN_PREFIX, secrets.choice)
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)  # two at once would both be the hundredth
        _make_room(account, now)
        made = PersonalToken.objects.create(
            id=uuid4(),
            account=account,
            name=wish.name,
            digest=opaque.digest(text),
            ending=text[-4:],
            scopes=sorted(set(wish.scopes), key=list(CEILINGS).index),
            institutions=None if wish.institutions is None else sorted(set(wish.institutions)),
            created_at=now,
            created_by=maker.subject,
            parent=parent,
            expires_at=wish.expires_at,
        )
        _record("token.created", made, maker.subject, now, correlation_id)
    return made, text


def revoke(account_id: UUID, token_id: UUID, *, by: UUID, now: datetime, correlation_id: UUID) -> None:
    """End a token, and those that were made with it; again is no error. Raises a 404 problem."""
    with transaction.atomic():
        found = PersonalToken.objects.select_for_update().filter(pk=token_id, account_id=account_id).first()
        if found is None:
            raise Problem("not_found", "Not found", 404, "there is no such token")
        if found.revoked_at is None:
            with connection.cursor() as cursor:
                cursor.execute(_DESCENDANTS, [token_id, now])
            _record("token.revoked", found, by, now, correlation_id)


def revoke_all(account_id: UUID, *, now: datetime) -> int:
    """End every token of an account; return how many there were. The caller records what it does this for."""
    return PersonalToken.objects.filter(account_id=account_id, revoked_at=None).update(revoked_at=now)


def use(text: str, now: datetime) -> tuple[Principal, PersonalToken]:
    """Return the bearer under the token's limits, and the token; raises `InvalidTokenError`."""
    found = None
    if opaque.is_well_formed(text, opaque.TOKEN_PREFIX):
        digest = opaque.digest(text)
        found = PersonalToken.objects.select_related("account").filter(digest=digest).first()
    if found is None:
        raise InvalidTokenError("token_invalid", "there is no such personal access token")
    if found.revoked_at is not None or not found.account.is_active:
        raise InvalidTokenError("token_revoked", "the token was revoked, or its account was switched off")
    if found.expires_at <= now:
        raise InvalidTokenError("token_expired", "the personal access token has expired; make a new one")
    _note_use(found, now)
    return limited(found), found


def limited(token: PersonalToken) -> Principal:
    """Return the account behind a token, with what the token leaves of its roles."""
    within = None if token.institutions is None else frozenset(token.institutions)
    return principal_for(token.account, token=token.pk).limited(ceiling(token.scopes), within)


def is_alive(token_id: UUID, now: datetime) -> bool:
    """Whether a token was neither revoked nor has expired: what was got with it ends with it."""
    return PersonalToken.objects.filter(pk=token_id, revoked_at=None, expires_at__gt=now).exists()


def _note_use(token: PersonalToken, now: datetime) -> None:
    if token.last_used_at is None or token.last_used_at <= now - LAST_USE_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_EVERY)
        PersonalToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _parent(maker: Principal) -> PersonalToken | None:
    return None if maker.token is None else PersonalToken.objects.get(pk=maker.token)


def _check(wish: Wish, maker: Principal, parent: PersonalToken | None, *, now: datetime, most: timedelta) -> None:
    if not now < wish.expires_at <= now + most:
        raise _refused(f"`expires_at` is in the future, and at most {most.days} days ahead")
    if ROLES.index(ceiling(wish.scopes)) > ROLES.index(maker.ceiling):
        raise _refused("a token cannot give away a scope that it has not itself")
    if maker.within is not None and not (wish.institutions is not None and maker.within.issuperset(wish.institutions)):
        raise _refused("a token that is limited to institutions makes tokens for those only")
    if parent is not None and wish.expires_at > parent.expires_at:
        raise _refused("a token that is made with a token ends no later than that one")


def _make_room(account: Account, now: datetime) -> None:
    PersonalToken.objects.filter(account=account, expires_at__lt=now - KEPT_AFTER_END).delete()
    if PersonalToken.objects.filter(account=account, revoked_at=None, expires_at__gt=now).count() >= LIMIT_PER_ACCOUNT:
        raise Problem(
            "too_many_tokens", "Too many tokens", 409, f"an account has at most {LIMIT_PER_ACCOUNT}: revoke one"
        )


def _refused(detail: str) -> Problem:
    return Problem("token_too_powerful", "Token too powerful", 422, detail)


def _record(action: str, token: PersonalToken, by: UUID, now: datetime, correlation_id: UUID) -> None:
    service = getattr(token.account, "service", None)
    record(
        by=by,
        action=action,
        subject="token",
        subject_id=token.pk,
        institution=service.institution_slug if service else None,
        now=now,
        correlation_id=correlation_id,
        details={"account_id": str(token.account_id), "scopes": token.scopes, "institutions": token.institutions},
    )
