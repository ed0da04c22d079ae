"""Real clients of the tus protocol: tus-js-client and Uppy under Node, tuspy in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dataplatform_stack.node import NODE, ensure_installed

TOOL = Path(__file__).parents[2] / "tools" / "tus"
TUSPY = """
import json, sys
from tusclient import client
options = json.loads(sys.argv[1])
tus = client.TusClient(options["endpoint"], headers={"Authorization": "Bearer " + options["token"]})
uploader = tus.uploader(
    options["file"], chunk_size=options["chunkSize"], metadata={"filename": options["name"]}, retries=30, retry_delay=1
)
while uploader.offset < uploader.get_file_size():
    uploader.upload_chunk()
    print(json.dumps({"event": "progress", "sent": uploader.offset}), flush=True)
print(json.dumps({"event": "success", "url": uploader.url}), flush=True)
"""


def install() -> Path:
    """Install the clients as locked, unless that was done, and return the script that uploads."""
    ensure_installed(TOOL)
    return TOOL / "upload.js"


def command(client: str, options: dict[str, Any]) -> list[str]:
    """Return the command that uploads with a client: tuspy, tus-js-client or uppy."""
    if client == "tuspy":
        return [sys.executable, "-c", TUSPY, json.dumps(options)]
    return [str(NODE), str(install()), json.dumps({**options, "client": client})]


def upload(client: str, options: dict[str, Any], on_progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Upload with a client to the end, and return its last line; `on_progress` hears of bytes as the client does."""
    with subprocess.Popen(command(client, options), stdout=subprocess.PIPE, text=True) as process:
        last: dict[str, Any] = {"event": "nothing"}
        for last in _lines(process):
            if last["event"] == "progress":
                on_progress(last["sent"] or 0)
    return last


def _lines(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)
