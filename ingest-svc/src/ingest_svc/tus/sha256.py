"""A SHA-256 whose state can be written down in the middle of a file and taken up again by another process.

`hashlib` has no way to do that, so a file that comes in pieces through several replicas would have to be read again
from the object store at its end: minutes for a large one. The field's packages for it are unmaintained, or slower than
what the network delivers (pure Python, or C without the processor's SHA instructions). But the OpenSSL that `hashlib`
itself is built on has the functions `SHA256_Init`, `_Update` and `_Final` over a public struct (`SHA256_CTX` in
openssl/sha.h, unchanged since 2004), as fast as `hashlib` because they are the same code. They are looked up in
`_hashlib`'s own library and what it is linked to, and proven against `hashlib` before they are used.

Where they are not there (a Python with OpenSSL linked in statically, another library), `export` gives None: the hash
then holds for one process only, and who resumes without a state reads the stored bytes again.
"""

import _hashlib
import ctypes
import hashlib
import struct
from functools import cache
from typing import Final, Protocol

_HEAD: Final = struct.Struct(">B8IQ")
_VERSION: Final = 1
_BLOCK_BYTES: Final = 64


class Digest(Protocol):
    """A SHA-256 under way."""

    def update(self, data: bytes | bytearray) -> None:
        """Take in more bytes; other threads run meanwhile."""
        ...

    def hexdigest(self) -> str:
        """Return the hash of everything so far."""
        ...

    def export(self) -> bytes | None:
        """Return what `resume` takes, independent of machine and process; None where that cannot be had."""
        ...


class InvalidStateError(ValueError):
    """The bytes are no exported state."""


def begin() -> Digest:
    """Return the hash of no bytes."""
    openssl = _library()
    return _Resumable(openssl) if openssl is not None else _Plain()


def resume(state: bytes) -> Digest | None:
    """Return the hash that was exported as `state`, or None where this process cannot take it up."""
    openssl = _library()
    if openssl is None:
        return None
    digest = _Resumable(openssl)
    digest.restore(state)
    return digest


class _Context(ctypes.Structure):
    """SHA256_CTX of openssl/sha.h: `low` and `high` count bits, `data` holds `filled` bytes of an unfinished block."""

    _fields_ = (
        ("words", ctypes.c_uint32 * 8),
        ("low", ctypes.c_uint32),
        ("high", ctypes.c_uint32),
        ("data", ctypes.c_ubyte * _BLOCK_BYTES),
        ("filled", ctypes.c_uint),
        ("digest_bytes", ctypes.c_uint),
    )


class _Resumable:
    def __init__(self, openssl: ctypes.CDLL) -> None:
        self._openssl = openssl
        self._context = _Context()
        self._openssl.SHA256_Init(ctypes.byref(self._context))

    def update(self, data: bytes | bytearray) -> None:
        size = len(data)
        # both point at the bytes where they are; a foreign function gives other threads the interpreter meanwhile
        pointer = ctypes.c_char_p(data) if isinstance(data, bytes) else (ctypes.c_char * size).from_buffer(data)
        self._openssl.SHA256_Update(ctypes.byref(self._context), pointer, ctypes.c_size_t(size))

    def hexdigest(self) -> str:
        copy = _Context.from_buffer_copy(self._context)
        result = (ctypes.c_ubyte * 32)()
        self._openssl.SHA256_Final(result, ctypes.byref(copy))
        return bytes(result).hex()

    def export(self) -> bytes:
        context = self._context
        total = (context.high << 32 | context.low) // 8
        return _HEAD.pack(_VERSION, *context.words, total) + bytes(context.data[: context.filled])

    def restore(self, state: bytes) -> None:
        rest = state[_HEAD.size :]
        if len(state) < _HEAD.size or state[0] != _VERSION:
            raise InvalidStateError("not a SHA-256 state of a version known here")
        _, *words, total = _HEAD.unpack_from(state)
        if len(rest) != total % _BLOCK_BYTES:
            raise InvalidStateError("a SHA-256 state that contradicts itself")
        context = self._context
        context.words[:] = words
        context.low, context.high = total * 8 & 0xFFFFFFFF, total * 8 >> 32
        context.data[: len(rest)] = rest
        context.filled = len(rest)


class _Plain:
    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def update(self, data: bytes | bytearray) -> None:
        self._digest.update(data)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def export(self) -> bytes | None:
        return None


@cache
def _library() -> ctypes.CDLL | None:
    """Return OpenSSL if it does here what `hashlib` does, also over an exported state."""
    try:
        # a handle of a library also finds what the library is linked to: the very OpenSSL that `hashlib` uses
        openssl = ctypes.CDLL(_hashlib.__file__)
        return openssl if all(_agrees(openssl, cut) for cut in (0, 1, 63, 64, 500)) else None
    except (AttributeError, OSError, TypeError):
        return None


def _agrees(openssl: ctypes.CDLL, cut: int) -> bool:
    sample = bytes(range(256)) * 3
    first, second = _Resumable(openssl), _Resumable(openssl)
    first.update(sample[:cut])
    second.restore(first.export())
    second.update(bytearray(sample[cut:]))
    return second.hexdigest() == hashlib.sha256(sample).hexdigest()
