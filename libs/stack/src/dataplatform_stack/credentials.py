"""The platform's own secrets: made at random once, kept in one file that only its owner may read.

Users' passwords are not here, except that of the first administrator, whom nobody else could let in.
"""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from dataplatform_stack.running.roles import SERVICES


def random_secret() -> str:
    """Return 128 random bits, safe in URLs, configuration files and shells."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Credentials:
    """Passwords and keys by whom they are for; `administrator` everywhere else is the platform's own setup."""

    postgres_superuser: str
    postgres: dict[str, str]
    s3_administrator: str
    s3: dict[str, str]
    administrator_password: str
    catalog_secret_key: str

    @classmethod
    def make(cls, new_secret: Callable[[], str]) -> "Credentials":
        """Make a fresh set."""
        return cls(
            postgres_superuser=new_secret(),
            postgres={service: new_secret() for service in SERVICES},
            s3_administrator=new_secret(),
            s3={service: new_secret() for service in SERVICES},
            administrator_password=new_secret(),
            catalog_secret_key=new_secret() + new_secret(),
        )

    @classmethod
    def load_or_make(cls, path: Path, new_secret: Callable[[], str] = random_secret) -> "Credentials":
        """Read the file, or make it with mode 0600."""
        if path.is_file():
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        made = cls.make(new_secret)
        write_private(path, json.dumps(asdict(made), indent=2) + "\n")
        return made


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step with one that only its owner may read."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
