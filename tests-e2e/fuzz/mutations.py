"""What is done to a sound file: flips, cuts, splices, numbers at their bounds; also inside the members of a zip."""

import io
import random
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Final

INTERESTING: Final = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80",
                      b"\xff" * 8, b'"', b"\r", b"\n", b",", b";",
                      b"\xef\xbb\xbf", b"<", b"&#0;", b"999999999", b"-1")  # fmt: skip
_ZIP: Final = b"PK\x03\x04"


def mutated(random_: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return a broken version of one of the seeds."""
    data = random_.choice(seeds)
    if data.startswith(_ZIP) and random_.random() < 0.6:
        return _inside_zip(random_, data, seeds)
    return _broken(random_, data, seeds)


def _broken(random_: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        data = random_.choice(_MUTATIONS)(random_, data, seeds)
    return data


def _inside_zip(random_: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Break one member, and pack it again: the checksums are right, so that the reader gets to see it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {item.filename: archive.read(item) for item in archive.infolist()[:100]}
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError):
        return _broken(random_, data, seeds)
    if not members:
        return data
    chosen = random_.choice(sorted(members))
    if random_.random() < 0.1:
        del members[chosen]
    else:
        members[chosen] = _broken(random_, members[chosen], list(members.values()))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return target.getvalue()


def _flip_bits(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _flip in range(random_.choice((1, 2, 8, 64))):
        if changed:
            changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
    return bytes(changed)


def _set_bytes(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _set in range(random_.choice((1, 4))):
        place = random_.randrange(len(changed) + 1)
        value = random_.choice(INTERESTING)
        changed[place : place + len(value)] = value
    return bytes(changed)


def _truncate(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: random_.randrange(len(data) + 1)]


def _cut_out(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    begin = random_.randrange(len(data) + 1)
    return data[:begin] + data[begin + random_.randrange(1, 512) :]


def _repeat(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    begin = random_.randrange(len(data) + 1)
    return data[:begin] + data[begin : begin + random_.randrange(1, 512)] * random_.choice((2, 3, 50)) + data[begin:]


def _splice(random_: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = random_.choice(seeds)
    return data[: random_.randrange(len(data) + 1)] + other[random_.randrange(len(other) + 1) :]


def _insert(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    begin = random_.randrange(len(data) + 1)
    return data[:begin] + random_.randbytes(random_.choice((1, 16, 300))) + data[begin:]


_MUTATIONS: Final[tuple[Callable[[random.Random, bytes, Sequence[bytes]], bytes], ...]] = (
    _flip_bits, _flip_bits, _set_bytes, _truncate, _cut_out, _repeat, _splice, _insert,
)  # fmt: skip
