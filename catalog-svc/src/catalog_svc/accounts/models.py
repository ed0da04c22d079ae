"""Tables of accounts, credentials, signing keys and sign-in attempts: written by people, not projected from events."""

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


class PersonalToken(models.Model):
    """A personal access token: what is kept of it opens nothing. It belongs to a person's account or a service's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="personal_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token")
    ending = models.CharField(max_length=4, help_text="The last characters, by which its owner knows it again")
    scopes = models.JSONField()
    institutions = models.JSONField(null=True, help_text="Slugs that it is limited to; null: no limit")
    created_at = models.DateTimeField()
    created_by = models.UUIDField()
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True, help_text="To the minute")

    objects: ClassVar[models.Manager["PersonalToken"]] = models.Manager()

    class Meta:
        """Table name, and the order in which lists are read."""

        db_table = "personal_tokens"
        indexes: ClassVar = [models.Index(fields=["account", "-created_at", "id"], name="personal_tokens_of_account")]

    def __str__(self) -> str:
        """Return the name and the ending."""
        return f"{self.name} (…{self.ending})"


class ServiceAccount(models.Model):
    """What makes an account a program's: the institution it works for, and who answers for it."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="service")
    institution_slug = models.CharField(max_length=64, db_index=True)
    description = models.CharField(max_length=500, blank=True)
    owner = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="services_owned")

    objects: ClassVar[models.Manager["ServiceAccount"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "service_accounts"

    def __str__(self) -> str:
        """Return the account's name and its institution."""
        return f"{self.account_id} of {self.institution_slug}"


class Invitation(models.Model):
    """A link with which a person opens an account (again): once, and before it expires. Only its hash is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="invitations")
    invited_by = models.UUIDField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Invitation"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "invitations"

    def __str__(self) -> str:
        """Return whom it is for."""
        return f"invitation of {self.account_id}"


class ExternalIdentity(models.Model):
    """A subject of an identity provider, and the account it signs in to. Nothing else (no mail address) links them."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField()

    objects: ClassVar[models.Manager["ExternalIdentity"]] = models.Manager()

    class Meta:
        """Table name and rules."""

        db_table = "external_identities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="external_identities_once"),
        ]

    def __str__(self) -> str:
        """Return whose it is."""
        return f"{self.account_id} at {self.issuer}"
