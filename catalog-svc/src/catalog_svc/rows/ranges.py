"""The Range header (RFC 9110, section 14): one range of bytes, anything else is answered whole."""

import re

from dataplatform.problems import Problem

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def parse(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (first, one after last), None for the whole; raises a 416 problem for a range outside the object."""
    match = _RANGE.match(header.replace(" ", "")) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
    else:
        start, end = max(0, size - int(last)), size
    if start >= size or start >= end:
        raise Problem(
            "range_not_satisfiable",
            "Range not satisfiable",
            416,
            f"the object has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
