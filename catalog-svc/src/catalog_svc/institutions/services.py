"""What is done to institutions: registered, and accounts made members."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from catalog_svc.accounts.models import Account
from catalog_svc.audit.acting import Act
from catalog_svc.institutions.models import Institution, Membership
from catalog_svc.projections import locks, writing
from dataplatform.events.catalog import InstitutionRegistered
from dataplatform.events.identity import institution_id
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem


@transaction.atomic
def register(
    slug: str,
    name: str,
    *,
    members: Mapping[str, Sequence[str]],
    founder: UUID,
    now: datetime,
    correlation_id: UUID,
) -> Institution:
    """Register an institution with its first members (roles by user name); its founder administers it.

    Raises a 409 problem where the slug is taken, 422 for a member that does not exist.
    """
    identity = institution_id(slug)
    with connection.cursor() as cursor:
        locks.lock(cursor, (), institutions=True)
        if Institution.objects.filter(pk=identity).exists():
            raise Problem("institution_exists", "Institution exists", 409, f"there is an institution {slug!r} already")
        event = InstitutionRegistered(institution_id=identity, slug=slug, name=name, registered_at=now)
        writing.append(cursor, [event], now=now, context=Context.begin(correlation_id))
    enrol(Account.objects.get(pk=founder), slug, ["administrator"])
    for username, roles in members.items():
        enrol(_account(username), slug, roles)
    Act(founder, now, correlation_id).record("institution.registered", "institution", identity, slug)
    return Institution.objects.get(pk=identity)


def enrol(account: Account, slug: str, roles: Sequence[str]) -> None:
    """Give an account roles in an institution; those it has already stay."""
    for role in roles:
        Membership.objects.get_or_create(
            account=account, institution_id=institution_id(slug), role=role, defaults={"institution_slug": slug}
        )


def _account(username: str) -> Account:
    account = Account.objects.filter(username=username.lower()).first()
    if account is None:
        raise Problem("unknown_account", "Unknown account", 422, f"there is no account {username!r}")
    return account
