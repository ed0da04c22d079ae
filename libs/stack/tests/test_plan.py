"""From settings to processes: ports, replicas, environments, outside servers, the supervisor's configuration."""

import configparser
import os
import random
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dataplatform_stack.credentials import Credentials
from dataplatform_stack.errors import StackError
from dataplatform_stack.running import supervisor
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.plan import Plan, Program, inherited_environment
from dataplatform_stack.running.roles import ROLES, SERVICES
from dataplatform_stack.settings import StackSettings, parse_replicas


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "BASE_PORT", "DATA_DIR", "REPLICAS"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"DATAPLATFORM_{name}", raising=False)


def _plan(folder: Path, *, infra_only: bool = False, **settings: object) -> Plan:
    numbers = random.Random(1)
    credentials = Credentials.make(lambda: f"{numbers.getrandbits(64):016x}")
    chosen = StackSettings(data_dir=folder, **settings)  # type: ignore[arg-type]
    return Plan(chosen, credentials, Layout(chosen.data_dir), infra_only)


@pytest.fixture(autouse=True)
def no_settings_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what tests of a service put into the environment of this process."""
    for name in [name for name in os.environ if name.startswith("DATAPLATFORM_")]:
        monkeypatch.delenv(name)


def test_by_default_one_process_of_every_role_runs_besides_the_servers(tmp_path: Path) -> None:
    names = [program.name for program in _plan(tmp_path).programs()]
    assert names == ["kafka", "postgres", "s3", *[f"{role.title}-1" for role in ROLES], "caddy"]


def test_replicas_are_a_setting_and_each_has_a_port_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICAS", "processing-worker=2 ingest-api=3 quality-worker=0")
    plan = _plan(tmp_path)
    names = {program.name for program in plan.programs()}
    assert {"processing-worker-1", "processing-worker-2", "ingest-api-3"} <= names
    assert "quality-worker-1" not in names
    ports = [port.number for port in plan.ports()]
    assert len(ports) == len(set(ports))
    assert plan.caddy is not None
    assert len(plan.caddy.upstreams.ingest_api) == 3
    assert all(f"127.0.0.1:{port}" in plan.caddy.render() for port in plan.caddy.upstreams.ingest_api)


@pytest.mark.parametrize("text", ["worker=2", "ingest-api", "ingest-api=-1", "ingest-api=two"])
def test_a_wrong_replica_count_names_the_word_and_the_roles(text: str) -> None:
    with pytest.raises(StackError) as failure:
        parse_replicas(text)
    assert failure.value.code == "replicas_invalid"
    assert repr(text) in failure.value.message
    assert "processing-worker" in failure.value.message


def test_the_long_name_of_a_setting_wins_over_the_short_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    assert _plan(tmp_path).settings.url == "http://127.0.0.1:9001"
    monkeypatch.setenv("DATAPLATFORM_PORT", "9002")
    assert _plan(tmp_path).settings.url == "http://127.0.0.1:9002"
    monkeypatch.setenv("DATAPLATFORM_PORT", "70000")
    with pytest.raises(ValidationError, match="65535"):
        StackSettings()


def test_every_service_knows_its_own_secrets_only(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    for service in SERVICES:
        environment = " ".join(plan.environment(service).values())
        assert plan.credentials.postgres[service] in environment
        assert plan.credentials.s3[service] in environment
        foreign = [
            *(plan.credentials.postgres[other] for other in SERVICES if other != service),
            *(plan.credentials.s3[other] for other in SERVICES if other != service),
            plan.credentials.postgres_superuser,
            plan.credentials.s3_administrator,
            plan.credentials.administrator_password,
        ]
        assert not [secret for secret in foreign if secret in environment]


def test_outside_servers_are_used_and_not_started(tmp_path: Path) -> None:
    outside: dict[str, Any] = {
        f"{service}_database_url": f"postgresql://{service}@db.example/{service}" for service in SERVICES
    }
    plan = _plan(
        tmp_path,
        kafka_bootstrap_servers="kafka.example:9092",
        object_store_url="file:///srv/objects",
        **outside,
    )
    assert plan.infra == []
    environment = plan.environment("quality")
    assert environment["DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS"] == "kafka.example:9092"
    assert environment["DATAPLATFORM_DATABASE_URL"] == "postgresql://quality@db.example/quality"
    assert environment["DATAPLATFORM_OBJECT_STORE_URL"] == "file:///srv/objects"
    assert "DATAPLATFORM_S3_ENDPOINT_URL" not in environment


def test_one_outside_database_leaves_the_embedded_server_to_the_others(tmp_path: Path) -> None:
    plan = _plan(tmp_path, catalog_database_url="postgresql://catalog@db.example/catalog")
    assert plan.postgres is not None
    assert plan.database_url("catalog") == "postgresql://catalog@db.example/catalog"
    assert f":{plan.postgres.port}/ingest" in plan.database_url("ingest")


def test_processes_do_not_inherit_what_only_one_of_them_may_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAPLATFORM_ADMIN_PASSWORD", "from outside")
    monkeypatch.setenv("DATAPLATFORM_INGEST_DATABASE_URL", "postgresql://db.example/ingest")
    monkeypatch.setenv("DATAPLATFORM_LOG_LEVEL", "DEBUG")
    inherited = inherited_environment(_plan(tmp_path))
    assert "DATAPLATFORM_ADMIN_PASSWORD" not in inherited
    assert "DATAPLATFORM_INGEST_DATABASE_URL" not in inherited
    assert inherited["DATAPLATFORM_LOG_LEVEL"] == "DEBUG"


def test_credentials_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    made = Credentials.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Credentials.load_or_make(path) == made
    assert len({made.postgres_superuser, *made.postgres.values(), *made.s3.values()}) == 1 + 2 * len(SERVICES)


def test_the_supervisor_config_stops_roles_before_servers_and_carries_odd_values_whole(tmp_path: Path) -> None:
    program = Program(
        name="odd",
        group="roles",
        command=("/bin/echo", "100 %", "it's"),
        environment={"URL": "postgresql://u:p%40ss,w=rd@db.example/x?a=b"},
        directory=tmp_path,
        stop_signal=signal.SIGINT,
        stop_seconds=7.5,
    )
    server = Program("kafka", "infra", ("/bin/true",), {}, tmp_path, signal.SIGTERM, 20)
    text = supervisor.render([server, program], Layout(tmp_path), root_user=True)
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    section = parsed["program:odd"]
    assert shlex.split(section["command"].replace("%%", "%")) == ["/bin/echo", "100 %", "it's"]
    assert section["environment"] == 'URL="postgresql://u:p%%40ss,w=rd@db.example/x?a=b"'
    assert section["stopsignal"] == "INT"
    assert (section["autostart"], parsed["program:kafka"]["autostart"]) == ("false", "true")
    assert parsed.getint("group:infra", "priority") < parsed.getint("group:roles", "priority")
    assert "group:edge" not in parsed


@pytest.mark.parametrize("value", ['a"b', "a\nb", "'a'", "a ; b", "a # b"])
def test_a_value_that_the_supervisor_would_garble_is_refused_by_name(tmp_path: Path, value: str) -> None:
    program = Program("odd", "roles", ("/bin/true",), {"SETTING": value}, tmp_path, signal.SIGTERM, 1)
    with pytest.raises(StackError, match="SETTING") as failure:
        supervisor.render([program], Layout(tmp_path), root_user=False)
    assert failure.value.code == "setting_unquotable"


def test_a_data_folder_with_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    near, far = Layout(Path("/srv/data")), Layout(tmp_path / ("long" * 30))
    assert near.socket.parent == near.run
    assert len(str(far.socket)) <= 80
    assert far.socket != Layout(tmp_path / ("other" * 30)).socket
