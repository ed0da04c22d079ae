"""What can go wrong with the object store: each with a stable `code` and a message a person can act on."""

from typing import ClassVar


class ObjectStoreError(Exception):
    """Base of every object store error."""

    code: ClassVar[str] = "object_store_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidKeyError(ObjectStoreError):
    """The key is not one this platform writes: empty, absolute, too long, or with `.`-segments."""

    code = "invalid_object_key"


class ObjectNotFoundError(ObjectStoreError):
    """No object has this key."""

    code = "object_not_found"


class ObjectExistsError(ObjectStoreError):
    """The key is taken, and the writer asked for a new one (`if_absent`)."""

    code = "object_exists"


class ObjectCorruptError(ObjectStoreError):
    """The bytes read are not the bytes that were announced: other size or other hash."""

    code = "object_corrupt"


class SizeLimitExceededError(ObjectStoreError):
    """The source gave more bytes than the writer allowed; nothing was stored."""

    code = "size_limit_exceeded"

    def __init__(self, detail: str, limit_bytes: int) -> None:
        super().__init__(detail)
        self.limit_bytes = limit_bytes


class MultipartNotFoundError(ObjectStoreError):
    """No such multipart upload is under way: it was completed, aborted or swept."""

    code = "multipart_not_found"


class InvalidPartError(ObjectStoreError):
    """The parts named do not make an object: one is missing, was replaced, or is too small."""

    code = "invalid_part"


class ObjectStoreUnavailableError(ObjectStoreError):
    """The store cannot be reached, or failed: an infrastructure fault. The same call may succeed later."""

    code = "object_store_unavailable"
    is_transient: ClassVar[bool] = True  # how consumers and workers know that waiting helps


class ObjectStoreRefusedError(ObjectStoreUnavailableError):
    """The store answers but refuses: no such bucket, access denied, read-only. An operator must act; then retry."""

    code = "object_store_refused"
