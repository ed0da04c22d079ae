"""Django's settings for the type checker only, which needs the models but no database: nothing here is real."""

import os

for _name, _value in {
    "DATABASE_URL": "postgresql://nobody@localhost/none",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:0",
    "OBJECT_STORE_URL": "file:///nowhere",
    "SECRET_KEY": "only for the type checker, never for a server",
}.items():
    os.environ.setdefault(f"DATAPLATFORM_{_name}", _value)

from catalog_svc.django_settings import *  # noqa: E402, F403
