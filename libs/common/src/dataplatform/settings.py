"""Settings that every role reads from its environment. What only one service needs lives in that service's settings."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Port = Annotated[int, Field(ge=0, le=65535)]


class CommonSettings(BaseSettings):
    """One frozen object made from `DATAPLATFORM_*` variables; raises `pydantic.ValidationError` naming what is missing.

    A service subclasses it to add its own fields. Keyword arguments win over the environment.
    """

    model_config = SettingsConfigDict(
        env_prefix="DATAPLATFORM_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # an error would quote a secret
    )

    database_url: str = Field(repr=False, description="postgresql://user:password@host:port/database of this service")
    kafka_bootstrap_servers: str = Field(description="host:port, comma-separated")
    object_store_url: str = Field(description="s3://bucket[/prefix] or file:///absolute/folder")

    s3_endpoint_url: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None

    issuer: str = Field(default="http://127.0.0.1:8080", description="Issuer claim of the tokens to accept")
    jwks_url: str = Field(default="", description="Where the issuer's public keys are; by default below the issuer")

    consumer_instance: str | None = Field(
        default=None,
        description="Unique and stable name of this replica: Kafka gives its partitions back at once after a restart",
    )

    http_host: str = "127.0.0.1"
    http_port: Port = Field(default=0, description="0 lets the operating system choose; the log names the port")
    scratch_dir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()), description="For files that may vanish with the process"
    )
    log_level: LogLevel = "INFO"
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", description="Unset: traces are not exported"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def jwks_address(self) -> str:
        """The JWKS document's address: `jwks_url`, or the issuer's well-known path."""
        return self.jwks_url or f"{self.issuer.rstrip('/')}/.well-known/jwks.json"


def operator_environment() -> Mapping[str, str]:
    """Return the environment over the lines `NAME=value` of a file, for commands that people run.

    DATAPLATFORM_ENV_FILE names the file; by default it is the one that `make up` writes.
    """
    path = Path(os.environ.get("DATAPLATFORM_ENV_FILE", ".data/platform.env"))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {**{name: value for name, _, value in pairs}, **os.environ}
