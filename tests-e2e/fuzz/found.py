"""What fuzzing found, made again by hand: inputs that once ended as none should."""

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.seeds import seeds


def _unknown_encoding(member: str) -> bytes:
    """Return a workbook in which one part names an encoding that there is not."""
    (sound,) = seeds("xlsx", None)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound)) as source, zipfile.ZipFile(target, "w") as sink:
        for name in source.namelist():
            content = source.read(name)
            if name == member:
                content = b'<?xml version="1.0" encoding="UTG-8"?>' + content.partition(b"?>")[2]
            sink.writestr(zipfile.ZipInfo(name), content)
    return target.getvalue()


def _undecodable_name() -> bytes:
    """Return a Parquet file with a column whose name is not UTF-8."""
    target = io.BytesIO()
    pq.write_table(pa.table({"column_x": [1, 2, 3]}), target, store_schema=False)
    return target.getvalue().replace(b"column_x", b"column_\xdf")


def _undecodable_title() -> bytes:
    """Return a PDF whose title is half a surrogate pair of UTF-16."""
    return seeds("pdf", None)[0].replace(b"/Title (\\(anonymous\\))", b"/Title <FEFFD800>")


def _empty_column_of_partitions() -> bytes:
    """Return a zip of partitions that share a column without any value."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as sink:
        for year in (2023, 2024):
            sink.writestr(f"year={year}/a.csv", "id,note\n1,\n2,\n")
    return target.getvalue()


FOUND: Final[Mapping[str, tuple[str, Callable[[], bytes]]]] = {
    "encoding of the styles": ("xlsx", lambda: _unknown_encoding("xl/styles.xml")),
    "encoding of the relations": ("xlsx", lambda: _unknown_encoding("_rels/.rels")),
    "text of delimiters alone": ("csv", lambda: b",,"),
    "title that is no text": ("pdf", _undecodable_title),
    "column without values in all partitions": ("archive", _empty_column_of_partitions),
    "name that is no UTF-8": ("parquet", _undecodable_name),
}
