"""Secrets that are shown once: how they are written, told apart from typing errors, and kept as a hash.

A personal access token is `dpat_`, 30 random characters and 6 of checksum, all of them 0-9A-Za-z: a scanner that finds
`dpat_[0-9A-Za-z]{36}` knows by the CRC-32 of what stands before them that it found one. 178 random bits need no slow
hash: there is nothing to guess.
"""

import zlib
from collections.abc import Callable
from hashlib import sha256
from typing import Final

TOKEN_PREFIX: Final = "dpat_"  # noqa: S105 - how tokens begin
INVITATION_PREFIX: Final = "dpin_"
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARACTERS: Final = 30
_CHECKSUM_CHARACTERS: Final = 6


def mint(prefix: str, choice: Callable[[str], str]) -> str:
    """Return a new secret; `choice` takes one character of an alphabet at random (`secrets.choice`)."""
    body = prefix + "".join(choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return body + _checksum(body)


def is_well_formed(text: str, prefix: str) -> bool:
    """Whether `text` is written as `mint` writes; anything else needs no look into the database."""
    body, checksum = text[:-_CHECKSUM_CHARACTERS], text[-_CHECKSUM_CHARACTERS:]
    return (
        body.startswith(prefix)
        and len(body) == len(prefix) + RANDOM_CHARACTERS
        and body.isascii()
        and checksum == _checksum(body)
    )


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
