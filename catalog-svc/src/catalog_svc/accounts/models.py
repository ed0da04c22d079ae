"""Tables of accounts, signing keys and sign-in attempts. They are written by people, not projected from events."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class AccountManager(BaseUserManager["Account"]):
    """Finds accounts by user name, which is case-insensitive by being stored in lower case."""

    def get_by_natural_key(self, username: str | None) -> "Account":
        """Return the account of that name; raises `Account.DoesNotExist`."""
        return self.get(username=(username or "").lower())


class Account(AbstractBaseUser):
    """A person or a service that can sign in. Its id is the only thing about it that events may carry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=150, unique=True)
    name = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    is_admin = models.BooleanField(default=False, help_text="Administers the platform, every institution included")
    tokens_valid_from = models.DateTimeField(help_text="Tokens issued before are refused")
    created_at = models.DateTimeField()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        """Table name."""

        db_table = "accounts"

    def __str__(self) -> str:
        """Return the user name."""
        return self.username


class SigningKey(models.Model):
    """An Ed25519 key pair. It signs until `retired_at` and is published until `expires_at`."""

    kid = models.CharField(max_length=64, primary_key=True)
    public_jwk = models.JSONField()
    private_key = models.BinaryField(help_text="Encrypted; see `accounts.keys`")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["SigningKey"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "signing_keys"

    def __str__(self) -> str:
        """Return the key id."""
        return self.kid


class SignInAttempts(models.Model):
    """How often signing in failed for one subject (a name at an address, or an address) in one window of time."""

    subject = models.CharField(max_length=255, primary_key=True)
    window_started_at = models.DateTimeField()
    failures = models.PositiveIntegerField()

    objects: ClassVar[models.Manager["SignInAttempts"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "sign_in_attempts"

    def __str__(self) -> str:
        """Return subject and count."""
        return f"{self.subject}: {self.failures}"
