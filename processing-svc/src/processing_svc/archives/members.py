"""Zip and tar archives as lists of members whose bytes can be read one by one.

Names are data: nothing here, or of what calls this, makes a path of one. Directories are read in bounded memory.
"""

import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self, cast

from dataplatform_formats.detection.signatures import is_tar
from dataplatform_formats.streams import DAMAGE, Stream, open_stream
from processing_svc.handlers.interface import HandlerError
from processing_svc.unpack import Readable

MAX_READ_BYTES: Final = 16 * 1024 * 1024
"""A directory (or a tar's extended header) is read at once, so it must not be larger."""
MAX_NAME_CHARACTERS: Final = 1000
_ENCRYPTED: Final = 0x1
_UTF8_NAME: Final = 0x800
_LOCAL_HEADER_BYTES: Final = 30
_STREAMS: Final[dict[int, Stream]] = {12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}
"""Methods of zip members that are streams of their own (APPNOTE 4.4.5)."""
_DAMAGE: Final = (
    *DAMAGE, zipfile.BadZipFile, tarfile.TarError, KeyError, IndexError, RecursionError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive. `refusal` says why it cannot be read, as a code and words."""

    name: str
    """As the archive has it, but fit to be shown: slashes between folders, no control characters, a bounded length."""
    handle: Any
    counted: bool = True
    """Whether its bytes come to be by unpacking, and count as that."""
    is_folder: bool = False
    refusal: tuple[str, str] | None = None


class Container(Protocol):
    """An archive that is open."""

    kind: str

    def members(self) -> Iterator[Member]:
        """Yield every entry in order; raises `HandlerError` where the directory is damaged."""
        ...

    def open(self, member: Member) -> Readable:
        """Return the member's plain bytes, to be read inside `reading`."""
        ...


@contextmanager
def open_container(path: Path) -> Iterator[Container]:
    """Open a zip or tar archive by its content; raises `HandlerError`."""
    with ExitStack() as resources:
        with reading("the archive"):
            file = resources.enter_context(_Bounded(path))
            tar = is_tar(file.read(512))
            file.seek(0)
            container: Container = _open_tar(file, resources) if tar else _open_zip(file, resources)
        yield container


def _open_tar(file: "_Bounded", resources: ExitStack) -> "_Tar":
    archive = tarfile.open(fileobj=cast("BinaryIO", file), mode="r:", errors="surrogateescape")  # noqa: SIM115
    return _Tar(resources.enter_context(archive))


def _open_zip(file: "_Bounded", resources: ExitStack) -> "_Zip":
    return _Zip(resources.enter_context(zipfile.ZipFile(cast("BinaryIO", file))), file)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what broken archives raise into `HandlerError`."""
    try:
        yield
    except NotImplementedError as error:
        raise HandlerError(
            "unsupported_compression", f"{what} is packed by a method that is not read: {error}"
        ) from error
    except RuntimeError as error:
        if "password" in str(error) or "encrypted" in str(error):
            raise HandlerError("encrypted_archive", f"{what} has a password; send it without one") from error
        raise HandlerError("corrupt_file", f"{what} is damaged: {error}") from error
    except _DAMAGE as error:
        raise HandlerError("corrupt_file", f"{what} is damaged or cut off: {error}"[:300]) from error


def shown(name: str) -> str:
    """Return a member's name as it may be shown and stored anywhere."""
    text = name.encode("utf-8", "replace").decode().replace("\\", "/")
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text if len(text) <= MAX_NAME_CHARACTERS else text[:MAX_NAME_CHARACTERS] + "…"


class _Zip:
    kind = "zip"

    def __init__(self, archive: zipfile.ZipFile, file: "_Bounded") -> None:
        self._archive = archive
        self._file = file

    def members(self) -> Iterator[Member]:
        for info in self._archive.infolist():
            mode = info.external_attr >> 16
            refusal = None
            if info.flag_bits & _ENCRYPTED:
                refusal = ("encrypted_archive", "the file has a password; send it without one")
            elif mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                refusal = ("unsupported_member", "this is a link or a device, which is never followed")
            yield Member(shown(_decoded(info)), info, is_folder=info.is_dir(), refusal=refusal)

    def open(self, member: Member) -> Readable:
        info: zipfile.ZipInfo = member.handle
        stream = _STREAMS.get(info.compress_type)
        if stream is None:
            return self._archive.open(info)
        # zipfile unpacks all that a few packed bytes give at once, which is memory without bound for these methods
        return _Checked(open_stream(cast("BinaryIO", self._packed(info, stream)), stream), info.CRC)

    def _packed(self, info: zipfile.ZipInfo, stream: Stream) -> io.BufferedReader:
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER_BYTES)
        if header[:4] != b"PK\x03\x04" or len(header) < _LOCAL_HEADER_BYTES:
            raise zipfile.BadZipFile("a member does not begin where the directory says")
        skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        start = info.header_offset + _LOCAL_HEADER_BYTES + skipped
        prefix = b""
        if stream == "lzma":  # version and size of the properties, then as in a stream but for the unpacked size
            self._file.seek(start)
            prefix = self._file.read(9)[4:] + info.file_size.to_bytes(8, "little")
            start += 9
        end = info.header_offset + _LOCAL_HEADER_BYTES + skipped + info.compress_size
        return io.BufferedReader(_Slice(self._file, start, end, prefix))


class _Slice(io.RawIOBase):
    """The bytes of a file from `start` to `end`, behind a few bytes of one's own."""

    def __init__(self, file: "_Bounded", start: int, end: int, prefix: bytes) -> None:
        super().__init__()
        self._file = file
        self._position = start
        self._end = end
        self._prefix = prefix

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._prefix[: len(buffer)]
        if data:
            self._prefix = self._prefix[len(data) :]
        else:
            self._file.seek(self._position)
            data = self._file.read(max(min(len(buffer), self._end - self._position), 0))
            self._position += len(data)
        buffer[: len(data)] = data
        return len(data)


class _Checked:
    """A member's bytes, and at their end the test of its checksum."""

    def __init__(self, plain: BinaryIO, crc: int) -> None:
        self._plain = plain
        self._expected = crc
        self._crc = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._plain.read(size)
        self._crc = zlib.crc32(data, self._crc)
        if not data and self._crc != self._expected:
            raise zipfile.BadZipFile("the checksum is another")
        return data


def _decoded(info: zipfile.ZipInfo) -> str:
    """Return the name. Many writers put UTF-8 without saying so, which is then read as code page 437."""
    if info.flag_bits & _UTF8_NAME or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


class _Tar:
    kind = "tar"

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def members(self) -> Iterator[Member]:
        try:
            with reading("the archive"):
                for info in self._archive:
                    usual = info.isreg() or info.isdir()
                    refusal = ("unsupported_member", "this is a link or a device, which is never followed")
                    yield Member(
                        shown(info.name),
                        info,
                        counted=info.issparse(),
                        is_folder=info.isdir(),
                        refusal=None if usual else refusal,
                    )
        except HandlerError as error:
            # what stands before the damage can be read all the same
            yield Member("", None, refusal=(error.code, error.detail))

    def open(self, member: Member) -> Readable:
        file = self._archive.extractfile(member.handle)
        if file is None:
            raise HandlerError("unsupported_member", "this is no regular file")
        return cast("Readable", file)


class _Bounded:
    """A file of which no single read takes more than `MAX_READ_BYTES`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.name = "archive"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Read as files do; raises `HandlerError` `oversized_archive`."""
        data = self._file.read(min(size, MAX_READ_BYTES + 1) if size >= 0 else MAX_READ_BYTES + 1)
        if len(data) > MAX_READ_BYTES:
            raise HandlerError("oversized_archive", "the archive's directory is larger than that of any sane archive")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Tell as files do."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Tell that it can be moved in."""
        return True

    def close(self) -> None:
        """Leave closing to whoever opened it."""
