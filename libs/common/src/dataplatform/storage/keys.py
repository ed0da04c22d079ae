"""Which keys are allowed. Stricter than S3, so that every key is also a safe relative path on any file system."""

from dataplatform.storage.errors import InvalidKeyError

MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255


def checked_key(key: str) -> str:
    """Return `key` if it is a valid object key, else raise `InvalidKeyError`.

    Valid: '/'-separated segments of 1 to 255 bytes, 1024 bytes in all, none starting with a dot (so no `..`, and no
    clash with the folder store's own hidden folders), no control characters, no backslash.
    """
    _check_characters(key)
    for segment in key.split("/"):
        _check_segment(key, segment)
    return key


def checked_prefix(prefix: str) -> str:
    """Return `prefix` if some valid key could start with it ('' is every key), else raise `InvalidKeyError`."""
    _check_characters(prefix)
    *folders, last = prefix.split("/")
    for segment in folders:
        _check_segment(prefix, segment)
    if last:
        _check_segment(prefix, last)
    return prefix


def _check_characters(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidKeyError(f"object key {key!r} is not valid Unicode") from error
    if size > MAX_KEY_BYTES:
        raise InvalidKeyError(f"object key of {size} bytes is longer than {MAX_KEY_BYTES}")
    if "\\" in key or not key.isprintable():
        raise InvalidKeyError(f"object key {key!r} has a backslash or an unprintable character")


def _check_segment(key: str, segment: str) -> None:
    if not segment or segment.startswith("."):
        raise InvalidKeyError(f"object key {key!r} has an empty segment or one that starts with a dot")
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        raise InvalidKeyError(f"object key {key!r} has a segment longer than {MAX_SEGMENT_BYTES} bytes")
