"""What is read about accounts."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from catalog_svc.accounts.models import Account

_SAME_SECOND: Final = timedelta(seconds=1)


def is_good(account_id: UUID, issued_at: datetime) -> bool:
    """Whether tokens that the account got at `issued_at` are still accepted."""
    return Account.objects.filter(
        pk=account_id, is_active=True, tokens_valid_from__lte=issued_at + _SAME_SECOND
    ).exists()
