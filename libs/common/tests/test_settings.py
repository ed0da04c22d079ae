from pathlib import Path

import pytest
from pydantic import ValidationError

from dataplatform.settings import CommonSettings

REQUIRED = {
    "DATAPLATFORM_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/d",
    "DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:2",
    "DATAPLATFORM_OBJECT_STORE_URL": "file:///tmp/objects",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_every_setting_comes_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATAPLATFORM_HTTP_PORT", "8123")
    environment.setenv("DATAPLATFORM_SCRATCH_DIR", "/var/scratch")
    environment.setenv("DATAPLATFORM_LOG_LEVEL", "debug")
    environment.setenv("DATAPLATFORM_S3_SECRET_ACCESS_KEY", "hidden")
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    settings = CommonSettings()
    assert settings.database_url == REQUIRED["DATAPLATFORM_DATABASE_URL"]
    assert settings.http_port == 8123
    assert settings.scratch_dir == Path("/var/scratch")
    assert settings.log_level == "DEBUG"
    assert settings.s3_secret_access_key is not None
    assert settings.s3_secret_access_key.get_secret_value() == "hidden"
    assert settings.otel_exporter_otlp_endpoint == "http://127.0.0.1:4318"


def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DATAPLATFORM_DATABASE_URL")
    with pytest.raises(ValidationError, match="database_url"):
        CommonSettings()


def test_secrets_stay_out_of_the_printed_form(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATAPLATFORM_S3_SECRET_ACCESS_KEY", "hidden")
    printed = repr(CommonSettings())
    assert "hidden" not in printed
    assert "secret@" not in printed


def test_settings_cannot_be_changed(environment: pytest.MonkeyPatch) -> None:
    settings = CommonSettings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.http_port = 1  # type: ignore[misc]


def test_the_key_set_is_below_the_issuer_unless_set(environment: pytest.MonkeyPatch) -> None:
    assert CommonSettings(issuer="http://a/").jwks_address == "http://a/.well-known/jwks.json"
    assert CommonSettings(jwks_url="http://b/keys").jwks_address == "http://b/keys"


def test_arguments_win_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATAPLATFORM_HTTP_PORT", "8123")
    assert CommonSettings(http_port=0).http_port == 0
