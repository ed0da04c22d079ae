"""The commands `dataplatform catalog`: what they say, and how they end."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest

from catalog_svc.settings import settings

pytestmark = pytest.mark.integration


def command(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATAPLATFORM_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-m", "dataplatform_cli", "catalog", *arguments],
        env={**kept, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_not_set_is_named(tmp_path: Path) -> None:
    done = command("rebuild", folder=tmp_path)
    assert done.returncode == 2
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "OBJECT_STORE_URL"):
        assert f"DATAPLATFORM_{name}" in done.stderr


def test_settings_come_from_the_file_that_make_up_writes(
    catalog: psycopg.Connection[Any], catalog_url: str, make_token: Callable[..., Any], tmp_path: Path
) -> None:
    make_token("ada")
    lines = {
        "CATALOG_DATABASE_URL": catalog_url,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "OBJECT_STORE_URL": f"file://{tmp_path}",
    }
    file = tmp_path / "platform.env"
    file.write_text("# a comment\n" + "".join(f"DATAPLATFORM_{name}={value}\n" for name, value in lines.items()))
    variables = {"DATAPLATFORM_ENV_FILE": str(file), "DATAPLATFORM_SECRET_KEY": os.environ["DATAPLATFORM_SECRET_KEY"]}
    done = command("rotate-keys", folder=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    kids = catalog.execute("SELECT kid FROM signing_keys ORDER BY created_at").fetchall()
    assert len(kids) == 2
    assert done.stdout.splitlines()[-1] == kids[-1][0]


async def test_one_rebuild_runs_at_a_time(catalog: psycopg.Connection[Any]) -> None:
    steps = import_module("catalog_svc.rebuild.steps")
    catalog.execute("SELECT pg_advisory_lock(%s)", [steps.LOCK])
    with pytest.raises(steps.RebuildError) as caught:
        await steps.rebuild(settings(), check=True)
    assert caught.value.code == "rebuild_running"
    catalog.execute("SELECT pg_advisory_unlock(%s)", [steps.LOCK])
