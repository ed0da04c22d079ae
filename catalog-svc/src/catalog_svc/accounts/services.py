"""What is done to accounts: made, signed in, switched off."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from pydantic import JsonValue

from catalog_svc.accounts import throttle
from catalog_svc.accounts.models import Account, PersonalToken
from catalog_svc.audit.services import record
from dataplatform.problems import Problem


def create(username: str, password: str, *, now: datetime, name: str = "", is_admin: bool = False) -> Account:
    """Make an account; raises `WeakPasswordError`. Its user name is kept in lower case."""
    account = Account(
        id=uuid4(), username=username.lower(), name=name, is_admin=is_admin, created_at=now, tokens_valid_from=now
    )
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise WeakPasswordError(" ".join(error.messages)) from error
    account.set_password(password)
    account.save(force_insert=True)
    return account


class WeakPasswordError(Exception):
    """The password is one that guessing would find."""

    code = "weak_password"


def sign_in(username: str, password: str, *, address: str, now: datetime) -> Account:
    """Return the account; raises a 401 problem that does not tell which of the two was wrong, or 429."""
    throttle.check(username, address, now)
    account = Account.objects.filter(username=username.lower()).first()
    if account is None:
        make_password(password)  # as long as a real comparison takes, so that names cannot be told from answers
        right = False
    else:
        right = account.check_password(password) and account.is_active
    if account is None or not right:
        throttle.record_failure(username, address, now)
        raise Problem("wrong_credentials", "Wrong credentials", 401, "the user name or the password is wrong")
    throttle.forget(username, address)
    return account


def open_account(username: str, name: str, *, now: datetime, is_admin: bool = False) -> Account:
    """Make an account that nobody can sign in to yet; raises a 409 problem where the name is taken."""
    account = Account(
        id=uuid4(), username=username.lower(), name=name, is_admin=is_admin, created_at=now, tokens_valid_from=now
    )
    account.set_unusable_password()
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:
        raise Problem("account_exists", "Account exists", 409, "there is an account of this name") from error
    return account


def set_password(account: Account, password: str, *, now: datetime) -> None:
    """Give an account a password; its sessions and tokens end, its personal access tokens go on.

    Raises a 422 problem for a weak one.
    """
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise Problem("weak_password", "Weak password", 422, " ".join(error.messages)) from error
    account.set_password(password)
    account.tokens_valid_from = now
    account.save(update_fields=["password", "tokens_valid_from"])


def change_password(
    account: Account, current: str, new: str, *, address: str, now: datetime, correlation_id: UUID
) -> None:
    """Replace a password by whoever knows it; raises what `sign_in` and `set_password` raise."""
    sign_in(account.username, current, address=address, now=now)
    with transaction.atomic():
        set_password(account, new, now=now)
        audited("account.password_changed", account, by=account.pk, now=now, correlation_id=correlation_id)


def sign_out_everywhere(
    account: Account, *, personal_tokens: bool, by: UUID, now: datetime, correlation_id: UUID
) -> None:
    """End all sessions and tokens of an account, and its personal access tokens where wished."""
    with transaction.atomic():
        Account.objects.filter(pk=account.pk).update(tokens_valid_from=now)
        ended = 0
        if personal_tokens:
            ended = PersonalToken.objects.filter(account=account, revoked_at=None).update(revoked_at=now)
        audited(
            "account.signed_out", account, by=by, now=now, correlation_id=correlation_id, personal_tokens_ended=ended
        )


def revise(account_id: UUID, changes: Mapping[str, Any], *, by: UUID, now: datetime, correlation_id: UUID) -> Account:
    """Change `name`, `is_active` or `is_admin`; raises a 409 problem where nobody would run the platform any more.

    Switching off or taking the platform's administration away ends sessions and tokens at once.
    """
    with transaction.atomic():
        # in the order of their ids, so that two who demote each other wait for one another
        running = set(
            Account.objects.select_for_update()
            .filter(is_admin=True, is_active=True)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        account = Account.objects.select_for_update().get(pk=account_id)
        before = {name: getattr(account, name) for name in changes}
        for name, value in changes.items():
            setattr(account, name, value)
        if running == {account.pk} and not (account.is_active and account.is_admin):
            raise Problem(
                "last_administrator", "Last administrator", 409, "nobody would administer the platform: name another"
            )
        if any(before.get(name) and not getattr(account, name) for name in ("is_active", "is_admin")):
            account.tokens_valid_from = now
        account.save(update_fields=[*changes, "tokens_valid_from"])
        changed: list[JsonValue] = [*sorted(name for name, value in before.items() if value != getattr(account, name))]
        audited("account.revised", account, by=by, now=now, correlation_id=correlation_id, fields=changed)
    return account


def audited(
    action: str, account: Account, *, by: UUID | None, now: datetime, correlation_id: UUID, **details: JsonValue
) -> None:
    """Record what was done to an account, by its id only."""
    record(
        by=by,
        action=action,
        subject="account",
        subject_id=account.pk,
        institution=None,
        now=now,
        correlation_id=correlation_id,
        details=details,
    )
