"""One parse of a table made up here, so that what libraries do at their first use is done before the sandbox forks."""

import tempfile
from pathlib import Path
from typing import Final

from processing_svc.parse import handlers, parse

_TABLE: Final = "id,name,price,on,at\n" + "".join(
    f"{number},name {number},{number}.5,2024-01-{number % 28 + 1:02d},2024-01-01 10:{number:02d}:00\n"
    for number in range(30)
)


def warm_up() -> None:
    """Parse it, and forget it."""
    handlers({})
    with tempfile.TemporaryDirectory() as folder:
        original, out = Path(folder) / "original", Path(folder) / "out"
        original.write_text(_TABLE, "utf-8")
        out.mkdir()
        parse({"path": str(original), "format": "csv", "scratch": folder, "out": str(out), "name": "warm"})
