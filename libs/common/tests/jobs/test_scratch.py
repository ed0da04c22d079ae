"""Scratch folders: removed in the end, removed after a kill, and never from under a living process."""

import subprocess
import sys
from pathlib import Path

from dataplatform.jobs.scratch import scratch_folder

HOLD = """
import sys
from pathlib import Path
from dataplatform.jobs.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "worker") as folder:
    (folder / "big").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_gone_in_the_end(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "new", "worker") as folder:
        (folder / "file").write_text("x")
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_but_not_what_a_living_one_uses(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        held = Path(process.stdout.readline().strip())
        with scratch_folder(tmp_path, "worker"):
            assert (held / "big").exists()
        process.kill()
        process.wait(timeout=10)
        assert held.exists()
        with scratch_folder(tmp_path, "worker"):
            assert not held.exists()
