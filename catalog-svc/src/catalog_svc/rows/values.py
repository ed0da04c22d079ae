"""Cell values as JSON has them. What JSON cannot say exactly becomes text."""

import base64
import math
from datetime import date, time
from typing import Any


def to_json(value: Any) -> Any:
    """Return a value of DuckDB as plain JSON.

    Times are in ISO 8601, bytes in base64; decimals, NaN, infinities and whatever else there is are text.
    """
    match value:
        case None | bool() | int() | str():
            plain: Any = value
        case float():
            plain = value if math.isfinite(value) else str(value)
        case date() | time():
            plain = value.isoformat()
        case bytes() | bytearray() | memoryview():
            plain = base64.b64encode(value).decode()
        case list() | tuple():
            plain = [to_json(part) for part in value]
        case dict():
            plain = {str(key): to_json(part) for key, part in value.items()}
        case _:
            plain = str(value)
    return plain
