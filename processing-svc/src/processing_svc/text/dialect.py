"""How DuckDB reads a file of text that is clean. Finding out whether it is, and its format, is elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from processing_svc.text.duck import literal
from processing_svc.text.splitting import Format

BUFFER_BYTES: Final = 8 * 1024 * 1024
"""DuckDB's read buffer: a quarter of its default, several are in use at once."""
LONG_LINE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to split a clean file. `skip` lines stand before the data; `names` are those of its columns."""

    form: Format
    names: tuple[str | None, ...]
    skip: int = 0
    line_end: str = "\n"
    longest: int = 0
    """Bytes of the longest record, where it is known."""
    drop_last: bool = False
    """Whether the file has one column more than there are names: what delimiters at the ends of lines make."""

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.names)

    def read_csv(self, path: Path) -> str:
        """Return the strict read of all columns as text, `c0` and on, as SQL that stands behind FROM."""
        form = self.form
        columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(self.width + self.drop_last))
        longest = max(2 * self.longest, 2 * LONG_LINE_BYTES)
        # told of CRLF, DuckDB 1.5 loses rows in silence; not told of LF, it trips over a CR inside the first record
        end = "new_line='\\n', " if self.line_end == "\n" else ""
        read = (
            f"read_csv({literal(str(path))}, auto_detect=false, strict_mode=true, delim={literal(form.delimiter)}, "
            f"quote={literal(form.quote)}, escape={literal(form.escape)}, comment='', skip={self.skip}, header=false, "
            f"{end}max_line_size={longest}, buffer_size={max(BUFFER_BYTES, 4 * longest)}, columns={{{columns}}})"
        )
        if not self.drop_last:
            return read
        return f"(SELECT {', '.join(f'c{index}' for index in range(self.width))} FROM {read})"
