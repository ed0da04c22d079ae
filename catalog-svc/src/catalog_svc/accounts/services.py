"""What is done to accounts: made, signed in, switched off."""

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from catalog_svc.accounts import throttle
from catalog_svc.accounts.models import Account
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


def deactivate(account_id: UUID, *, now: datetime) -> None:
    """Switch an account off: no new tokens, and the catalog refuses those it has."""
    Account.objects.filter(pk=account_id).update(is_active=False, tokens_valid_from=now)
