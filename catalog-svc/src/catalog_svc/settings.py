"""The settings of catalog-svc, one frozen object from the environment. Django's own module is made from it."""

from functools import cache

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from catalog_svc.accounts.oidc.providers import OidcProvider
from catalog_svc.languages import LANGUAGES
from dataplatform.settings import CommonSettings

SERVICE = "catalog-svc"


class CatalogSettings(CommonSettings):
    """What catalog-svc needs beyond the common settings; variables have the prefix `DATAPLATFORM_`."""

    # an error message must not quote a secret
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    secret_key: SecretStr = Field(
        description="Signs what Django signs and encrypts the token keys: 32 characters or more"
    )
    public_url: str = Field(default="http://127.0.0.1:8080", description="Where people reach the platform")
    contact_email: str | None = Field(default=None, description="Of who runs the platform; harvesters are told")
    allowed_hosts: str = Field(default="127.0.0.1,localhost", description="Host names to answer for, comma-separated")
    trusted_proxies: str = Field(
        default="127.0.0.1,::1", description="Addresses whose X-Forwarded-For is believed, comma-separated"
    )
    admin_password: SecretStr | None = Field(default=None, description="Of the first administrator; for `bootstrap`")

    token_lifetime_seconds: int = Field(default=3600, ge=60, le=86_400)
    exchanged_token_lifetime_seconds: int = Field(
        default=600, ge=60, le=3600, description="Of tokens got for a personal access token: what revoking leaves"
    )
    personal_token_days: int = Field(default=366, ge=1, le=3660, description="Longest life of personal access tokens")
    invitation_hours: int = Field(default=72, ge=1, le=720)
    session_hours: int = Field(default=12, ge=1, le=720, description="Of a browser, from signing in")
    oidc_providers: list[OidcProvider] = Field(
        default_factory=list, max_length=20, description="Identity providers, as a JSON list; see docs/sign-in.md"
    )
    signing_key_days: int = Field(
        default=90, ge=0, le=3660, description="Age at which the signing key is rotated by itself; 0: never"
    )
    database_connections: int = Field(default=8, ge=1, le=64, description="Most connections of one process")
    statement_timeout_seconds: int = Field(default=15, ge=1, le=3600)
    query_memory_mb: int = Field(default=512, ge=64, description="Memory limit of row queries, of one process")
    query_threads: int = Field(default=2, ge=1, le=64)
    query_timeout_seconds: int = Field(default=30, ge=1, le=3600)
    sql_concurrency: int = Field(default=2, ge=1, le=64, description="SQL statements of one process at once")
    search_languages: str = Field(
        default="english,german,french,spanish",
        description="Text search configurations of PostgreSQL for the forms of words, comma-separated; words as they"
        " are (`simple`) are always found",
    )
    sql_max_rows: int = Field(default=1_000_000, ge=1, description="Most rows that an SQL statement streams")

    webhook_ports: str = Field(default="443,8443", description="Ports that webhooks may go to, comma-separated")
    webhook_loopback: bool = Field(default=False, description="Webhooks may go to this machine, by http; for tests")
    webhook_seconds: float = Field(default=20.0, gt=0, le=45, description="Longest attempt to deliver a webhook")
    webhook_concurrency: int = Field(default=128, ge=1, le=1024, description="Attempts of one worker at once")
    webhook_endpoint_concurrency: int = Field(default=4, ge=1, le=64, description="Of one worker to one endpoint")
    webhook_endpoints: int = Field(default=20, ge=1, le=1000, description="Most endpoints of one institution")
    webhook_disable_after_days: float = Field(default=5, gt=0, description="Of failures only: the endpoint is disabled")

    export_concurrency: int = Field(default=1, ge=1, le=16, description="Exports of one worker at once")
    export_seconds: int = Field(default=3600, ge=1, le=86_400, description="Longest time that making an export takes")
    export_max_mb: int = Field(default=20_480, ge=1, description="Largest file of an export")
    export_hours: float = Field(default=24, gt=0, le=720, description="How long the file of an export is kept")
    export_active: int = Field(default=3, ge=1, le=1000, description="Exports of one account that wait or run")
    export_daily: int = Field(default=100, ge=1, description="Exports of one account within a day")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:  # noqa: PLR2004 - the number is the rule
            raise ValueError("must have 32 characters or more, from a good random source")
        return value

    @field_validator("search_languages")
    @classmethod
    def _stemmed(cls, value: str) -> str:
        if unknown := sorted(set(_names(value)) - set(LANGUAGES)):
            raise ValueError(f"no such language: {', '.join(unknown)}; there are {', '.join(LANGUAGES)}")
        return value

    @property
    def languages(self) -> tuple[str, ...]:
        """The text search configurations for the forms of words."""
        return tuple(sorted(set(_names(self.search_languages))))

    @property
    def hosts(self) -> list[str]:
        """The host names to answer for."""
        return [host.strip() for host in self.allowed_hosts.split(",") if host.strip()]

    @property
    def proxies(self) -> frozenset[str]:
        """The addresses of the load balancers in front."""
        return frozenset(address.strip() for address in self.trusted_proxies.split(",") if address.strip())


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


@cache
def settings() -> CatalogSettings:
    """Return the settings of this process; raises `pydantic.ValidationError` naming what is missing."""
    return CatalogSettings()
