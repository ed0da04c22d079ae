"""What a person may set about the running platform, read from the environment. What a role reads is not here."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import LOOPBACK
from dataplatform_stack.running.roles import ROLES

PortNumber = Annotated[int, Field(ge=1, le=65535)]


def _short_or_long(name: str) -> Any:
    """Let `make up NAME=...` and the environment's DATAPLATFORM_NAME both set it."""
    return AliasChoices(f"DATAPLATFORM_{name}", name)


class StackSettings(BaseSettings):
    """One frozen object from the environment; an outside server that is named there is used, not started."""

    model_config = SettingsConfigDict(
        env_prefix="DATAPLATFORM_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default=Path(".data"), validation_alias=_short_or_long("DATA_DIR"))
    port: PortNumber = Field(default=8080, validation_alias=_short_or_long("PORT"), description="The one address")
    replicas: Annotated[dict[str, int], NoDecode] = Field(
        default_factory=dict,
        validation_alias=_short_or_long("REPLICAS"),
        description='How many of each role, such as "processing-worker=2 ingest-api=2"; 1 unless named, 0 for none',
    )
    public_url: str | None = Field(default=None, description="Where people reach it, when that is not its own address")

    base_port: PortNumber = Field(
        default=18100, validation_alias=_short_or_long("BASE_PORT"), description="First of about 40 inner ports"
    )
    kafka_port: PortNumber | None = None
    kafka_controller_port: PortNumber | None = None
    postgres_port: PortNumber | None = None
    s3_port: PortNumber | None = None

    kafka_bootstrap_servers: str | None = None
    ingest_database_url: str | None = None
    processing_database_url: str | None = None
    quality_database_url: str | None = None
    catalog_database_url: str | None = None
    object_store_url: str | None = None

    admin_password: str | None = Field(default=None, repr=False, description="Of the first administrator; else random")
    start_seconds: float = Field(default=60, gt=0, description="How long one part may take to become ready")

    @field_validator("replicas", mode="before")
    @classmethod
    def _parse_replicas(cls, value: object) -> object:
        return parse_replicas(value) if isinstance(value, str) else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def url(self) -> str:
        """The address of the platform on this machine."""
        return f"http://{LOOPBACK}:{self.port}"

    def database_url(self, service: str) -> str | None:
        """Return the outside database of a service, or None where the embedded server has it."""
        found: str | None = getattr(self, f"{service}_database_url")
        return found


def parse_replicas(text: str) -> dict[str, int]:
    """Read `role=count` words; `StackError("replicas_invalid")` names the wrong word and the roles there are."""
    names = [role.title for role in ROLES]
    counts = {}
    for word in text.replace(",", " ").split():
        name, _, count = word.partition("=")
        if name not in names or not count.isdecimal():
            message = f"REPLICAS: {word!r} is not role=count, with one of these roles: {', '.join(names)}"
            raise StackError("replicas_invalid", message)
        counts[name] = int(count)
    return counts
