"""Where everything is in the data folder. Who writes there is said at each name."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A Unix socket's path has at most 104 (macOS) or 108 bytes, and the supervisor appends to it while binding.
_SOCKET_PATH_LIMIT = 80


@dataclass(frozen=True)
class Layout:
    """Paths below one data folder."""

    root: Path

    def make(self) -> None:
        """Make the folders; only the owner may enter."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.logs, self.run, self.scratch, self.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def secrets(self) -> Path:
        """Random passwords and keys (mode 0600)."""
        return self.root / "secrets.json"

    @property
    def env_file(self) -> Path:
        """`NAME=value` lines for people and the command line (mode 0600): addresses, passwords, keys."""
        return self.root / "platform.env"

    @property
    def logs(self) -> Path:
        """One log per process, rotated by the supervisor."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is true only while the platform runs."""
        return self.root / "run"

    @property
    def scratch(self) -> Path:
        """Files that may vanish with the process that made them; emptied at each start."""
        return self.root / "scratch"

    @property
    def lock(self) -> Path:
        """Held while the platform is being started or stopped."""
        return self.run / "lock"

    @property
    def state(self) -> Path:
        """What runs, and where: JSON of `Plan.described()`."""
        return self.run / "platform.json"

    @property
    def supervisor_config(self) -> Path:
        """Generated at each start (mode 0600)."""
        return self.run / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """The supervisor's own door, for the owner only; elsewhere when the data folder's path is too long for one."""
        inside = self.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT:
            return inside
        key = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"dataplatform-{os.getuid()}-{key}" / "supervisor.sock"

    def log(self, program: str) -> Path:
        """Return the log of one process."""
        return self.logs / f"{program}.log"
