"""What a fresh platform needs to be used: a first administrator and an institution to try things in. Idempotent."""

from typing import Final
from uuid import uuid4

import structlog
from django.db import connection, transaction

from catalog_svc import clock
from catalog_svc.accounts import services as accounts
from catalog_svc.accounts.models import Account
from catalog_svc.institutions import services as institutions
from catalog_svc.institutions.models import Institution
from catalog_svc.settings import CatalogSettings
from dataplatform.events.identity import institution_id

ADMINISTRATOR: Final = "admin"
INSTITUTION: Final = "demo"
_LOCK: Final = 0x626F6F74
_log = structlog.get_logger(__name__)


class MissingPasswordError(Exception):
    """There is no administrator yet, and no password to make one with."""

    code = "admin_password_missing"


@transaction.atomic
def bootstrap(settings: CatalogSettings) -> None:
    """Make what is missing; an administrator that is there keeps its password. Raises `MissingPasswordError`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    account = Account.objects.filter(username=ADMINISTRATOR).first()
    if account is None:
        if settings.admin_password is None:
            raise MissingPasswordError("set DATAPLATFORM_ADMIN_PASSWORD: the first administrator's password")
        password = settings.admin_password.get_secret_value()
        account = accounts.create(ADMINISTRATOR, password, now=clock.now(), name="Administrator", is_admin=True)
        _log.info("administrator_created", username=ADMINISTRATOR, account=str(account.pk))
    if not Institution.objects.filter(pk=institution_id(INSTITUTION)).exists():
        institutions.register(
            INSTITUTION,
            "Demo institution",
            members={},
            founder=account.pk,
            now=clock.now(),
            correlation_id=uuid4(),
        )
        _log.info("institution_registered", slug=INSTITUTION)
    institutions.enrol(account, INSTITUTION, ["administrator"])
