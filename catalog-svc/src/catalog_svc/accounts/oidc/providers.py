"""Identity providers, as the settings name them. Knows no Django: the settings are read before it is set up."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from dataplatform.events.identity import Slug

_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class MappedRole(BaseModel):
    """A role at an institution that a claim's value gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    institution: Slug
    role: Literal["reader", "uploader", "steward", "administrator"]


class OidcProvider(BaseModel):
    """An OpenID provider, and who of its people may come in.

    `closed`: who is linked to an account already. `invited`: who has an invitation, too. `claims`: also anybody to
    whom the values of `roles_claim` give a role; the roles that `roles` names are then the provider's to give and take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32, description="In addresses")]
    title: Annotated[str, Field(min_length=1, max_length=100, description="For people")]
    issuer: str
    client_id: str
    client_secret: SecretStr | None = Field(default=None, description="None: a public client, with PKCE only")
    scopes: str = "openid profile"
    provisioning: Literal["closed", "invited", "claims"] = "closed"
    roles_claim: str = "groups"
    roles: dict[str, list[MappedRole]] = Field(default_factory=dict, description="By value of the claim")
    clock_skew_seconds: int = Field(default=60, ge=0, le=600)

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
        ):
            raise ValueError("an issuer is an https address")
        return value.rstrip("/")

    @property
    def metadata_url(self) -> str:
        """Where the provider describes itself (OpenID Connect Discovery 1.0)."""
        return f"{self.issuer}/.well-known/openid-configuration"
