"""The grammar of the tus protocol's headers, and the names of what is offered. Pure; refusals are problems."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID

from ingest_svc.problems import problem

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "checksum-trailer",
    "termination",
    "concatenation",
)
CONTENT_TYPE: Final = "application/offset+octet-stream"
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_PARTIALS: Final = 1000

_ALGORITHMS: Final[dict[str, Callable[[], "_Hash"]]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
}
ALGORITHMS: Final = tuple(_ALGORITHMS)
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_KEY: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_UPLOAD_PATH: Final = re.compile(r"/v1/tus/([0-9a-fA-F-]{36})/?")


def number(name: str, value: str | None) -> int | None:
    """Return a non-negative integer header, or None where it is absent; raises the problem `invalid_tus_header`."""
    if value is None:
        return None
    if not _NUMBER.fullmatch(value.strip()):
        raise problem("invalid_tus_header", f"{name} is a number of bytes, not {value[:50]!r}")
    return int(value)


def length_of(upload_length: str | None, defer_length: str | None) -> int | None:
    """Return the length that a creation announces, None if it is deferred; one of the two headers must be there."""
    if defer_length is not None and defer_length.strip() != "1":
        raise problem("invalid_tus_header", "Upload-Defer-Length is always 1")
    if (upload_length is None) == (defer_length is None):
        raise problem("invalid_tus_header", "a creation has either Upload-Length or Upload-Defer-Length")
    return number("Upload-Length", upload_length)


def metadata_of(value: str | None) -> Mapping[str, bytes]:
    """Return what `Upload-Metadata` holds; raises the problem `invalid_metadata`."""
    if value is None or not value.strip():
        return {}
    if len(value) > MAX_METADATA_BYTES:
        raise problem("invalid_metadata", f"Upload-Metadata has {len(value)} bytes; {MAX_METADATA_BYTES} are the most")
    found: dict[str, bytes] = {}
    for pair in value.split(","):
        key, _, encoded = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise problem("invalid_metadata", "keys are unique, in ASCII, without spaces and commas")
        try:
            found[key] = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise problem("invalid_metadata", f"the value of {key[:50]!r} is not Base64") from None
    return found


def file_name_in(metadata: Mapping[str, bytes]) -> str | None:
    """Return the file's name as clients tell it (`filename`, or `name`), or None; raises `invalid_file_name`."""
    value = metadata.get("filename") or metadata.get("name")
    try:
        return value.decode() if value else None
    except UnicodeDecodeError as error:
        raise problem("invalid_file_name", "the file name in Upload-Metadata is not UTF-8") from error


@dataclass(frozen=True, slots=True)
class Concat:
    """What `Upload-Concat` says: a partial upload, or a final one made of `parts`."""

    parts: tuple[UUID, ...] | None

    @property
    def is_final(self) -> bool:
        """Whether partial uploads are to be joined."""
        return self.parts is not None


def concat_of(value: str | None) -> Concat | None:
    """Return what `Upload-Concat` says, or None where it is absent; raises problems."""
    if value is None:
        return None
    if value.strip() == "partial":
        return Concat(None)
    kind, _, addresses = value.partition(";")
    if kind.strip() != "final":
        raise problem("invalid_tus_header", "Upload-Concat is `partial`, or `final;` and addresses of partial uploads")
    parts = tuple(_upload_in(address) for address in addresses.split())
    if not 1 <= len(parts) <= MAX_PARTIALS:
        raise problem("invalid_concatenation", f"a final upload names 1 to {MAX_PARTIALS} partial uploads")
    return Concat(parts)


def _upload_in(address: str) -> UUID:
    match = _UPLOAD_PATH.fullmatch(urlsplit(address).path)
    try:
        return UUID(match[1] if match else "")
    except ValueError:
        raise problem("invalid_concatenation", f"{address[:200]!r} is no address of an upload") from None


class Checksum:
    """The checksum of one request's body, as told by the client."""

    def __init__(self, value: str) -> None:
        algorithm, _, encoded = value.strip().partition(" ")
        if algorithm not in _ALGORITHMS:
            offered = ", ".join(ALGORITHMS)
            raise problem("unsupported_checksum", f"{algorithm[:50]!r} is not offered; {offered} are")
        self.algorithm = algorithm
        self._told = _decoded(encoded)

    def require(self, digest: "_Hash") -> None:
        """Raise the problem `checksum_mismatch` unless `digest` is what was told."""
        if digest.digest() != self._told:
            raise problem("checksum_mismatch", f"the {self.algorithm} of the bytes is {digest.hexdigest()}")


def new_digest(algorithm: str) -> "_Hash":
    """Return the hash function of one of `ALGORITHMS`."""
    return _ALGORITHMS[algorithm]()


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise problem("invalid_tus_header", "Upload-Checksum is an algorithm, a space, and Base64") from None


def http_date(moment: datetime) -> str:
    """Return a moment as HTTP writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
