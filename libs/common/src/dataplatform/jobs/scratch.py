"""Folders for files that may vanish with the process; those of dead processes are removed when a worker starts."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOCK: Final = "owner.lock"


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Give a folder of this process below `parent`, and remove it in the end; first remove what dead ones left.

    Its owner holds a lock on a file in it. The lock dies with the process, however that ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_orphans(parent, name, folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_orphans(parent: Path, name: str, own: Path) -> None:
    for folder in parent.glob(f"{name}-*"):
        if folder != own and _is_orphan(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


def _is_orphan(path: Path) -> bool:
    """Whether nobody holds the lock. A folder whose lock is not there yet is just being made: leave it."""
    try:
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
