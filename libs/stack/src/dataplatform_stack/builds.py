"""The shared build folder: what is fetched or unpacked once, at need, and then used by every process and every run.

Any number of processes may ask at once: a file lock lets one make it, and a folder appears only when it is whole.
What is made, and how it is verified, is the maker's business.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent


def default_build_dir() -> Path:
    """Return the shared build folder: DATAPLATFORM_BUILD_DIR, else the repository's `.build`, else the user's cache."""
    if configured := os.environ.get("DATAPLATFORM_BUILD_DIR"):
        return Path(configured).absolute()
    for folder in _HERE.parents:
        if (folder / "libs" / "stack" / "pyproject.toml").is_file():
            return folder / ".build"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dataplatform"


def build_once(build_dir: Path, name: str, edition: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name/edition` below `build_dir`, made first where it is not there.

    `make` gets a path that does not exist, next to the wanted one, and leaves a whole folder there or raises.
    """
    folder = build_dir / name / edition
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(build_dir / f"{name}.lock"):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(folder)
    return folder


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
