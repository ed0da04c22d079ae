"""The four servers, one class each behind the one interface `Server`. Who runs them, and where, is not here."""

from dataplatform_stack.services.caddy import Caddy, Upstreams
from dataplatform_stack.services.kafka import Kafka
from dataplatform_stack.services.postgres import Postgres
from dataplatform_stack.services.seaweedfs import Identity, SeaweedFS
from dataplatform_stack.services.server import Server

__all__ = ["Caddy", "Identity", "Kafka", "Postgres", "SeaweedFS", "Server", "Upstreams"]
