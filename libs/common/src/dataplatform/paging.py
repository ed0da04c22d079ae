"""Cursors of pages: opaque, and made of the sort key of the last item, so that a page costs the same wherever it is."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

from dataplatform.problems import Problem


def encode(key: Sequence[Any]) -> str:
    """Return the cursor after an item with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode(cursor: str | None, *types: Callable[[Any], Any]) -> list[Any] | None:
    """Return the sort key in a cursor, None for the first page; raises a 422 problem for one that is not ours."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = json.loads(raw)
        return [make(part) for make, part in zip(types, key, strict=True)]
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError, OverflowError) as error:
        raise Problem("invalid_cursor", "Invalid cursor", 422, "send `next` of the page before, unchanged") from error
