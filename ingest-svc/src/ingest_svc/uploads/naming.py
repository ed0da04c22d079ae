"""The file name a client gives in `Content-Disposition` (RFC 6266, RFC 8187): data to show, never a path to use."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_CHARACTERS: Final = 255
UNNAMED: Final = "unnamed"

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - a grammar rule of RFC 9110, no secret
_TYPE: Final = re.compile(rf"\s*{_TOKEN}\s*")
_PARAMETER: Final = re.compile(rf';\s*(?:({_TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)\s*)?')
_EXTENDED: Final = re.compile(r"(utf-8|iso-8859-1)'[^']*'([!#$&+\-.^_`|~0-9A-Za-z%]*)", re.IGNORECASE)


class InvalidFileNameError(Exception):
    """The header is not understood, or names no file that could be shown."""


def file_name_of(header: str | None) -> str:
    """Return the name in a `Content-Disposition` value (decoded as ISO-8859-1, as HTTP libraries do).

    `filename*` wins over `filename`; folders before the name are dropped; without any name it is `unnamed`. Raises
    `InvalidFileNameError`.
    """
    if header is None or not header.strip():
        return UNNAMED
    parameters = _parameters(header)
    if "filename*" in parameters:
        return presentable(_extended(parameters["filename*"]))
    return presentable(_utf8(parameters["filename"])) if "filename" in parameters else UNNAMED


def _parameters(header: str) -> dict[str, str]:
    start = _TYPE.match(header)
    if start is None:
        raise InvalidFileNameError("Content-Disposition begins with a type, for example `attachment`")
    position, found = start.end(), dict[str, str]()
    while position < len(header):
        match = _PARAMETER.match(header, position)
        if match is None:
            raise InvalidFileNameError(f"Content-Disposition is not understood from character {position} on")
        if match[1]:
            found.setdefault(match[1].lower(), _unquoted(match[2]))
        position = match.end()
    return found


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _extended(value: str) -> str:
    match = _EXTENDED.fullmatch(value)
    if match is None:
        raise InvalidFileNameError("filename* has the form UTF-8''name%20in%20percent%20codes")
    try:
        return unquote_to_bytes(match[2]).decode(match[1])
    except UnicodeDecodeError as error:
        raise InvalidFileNameError("filename* is not in the encoding that it names") from error


def _utf8(value: str) -> str:
    # curl and browsers send the bytes of UTF-8 in a plain filename; that it is valid UTF-8 is proof enough.
    try:
        return value.encode("iso-8859-1").decode("utf-8")
    except UnicodeError:
        return value


def presentable(name: str) -> str:
    """Return a name that can be shown: the last part of a path, in one line; raises `InvalidFileNameError`."""
    last = re.split(r"[/\\]", name)[-1].strip()
    if last in ("", ".", "..") or not last.isprintable():
        raise InvalidFileNameError("the file name is empty or has control characters")
    if len(last) > MAX_CHARACTERS:
        raise InvalidFileNameError(f"the file name has {len(last)} characters; {MAX_CHARACTERS} are the most")
    return last
