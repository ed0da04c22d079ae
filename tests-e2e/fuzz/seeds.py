"""Small sound files of every format, made here, and those of the corpus where it is: what mutations start from."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import SimpleDocTemplate, Table

MAX_BYTES: Final = 100_000
SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {"archive": ("zip", "tar", "gz"), "csv": ("csv", "tsv", "txt")}


def seeds(file_format: str, corpus: Path | None) -> list[bytes]:
    """Return the files of a format; those of the corpus are small ones, in the order of their names."""
    found = _MADE[file_format]() if file_format in _MADE else []
    if corpus is not None:
        suffixes = SUFFIXES.get(file_format, (file_format,))
        paths = (path for suffix in suffixes for path in sorted(corpus.rglob(f"*.{suffix}")))
        found += [path.read_bytes() for path in paths if path.stat().st_size <= MAX_BYTES]
    return found


def _texts() -> list[bytes]:
    rows = [(number, f"name {number}", number / 7, f"2024-01-{number % 28 + 1:02d}") for number in range(60)]
    comma = "id,name,share,day\n" + "".join(f"{a},{b},{c:.3f},{d}\n" for a, b, c, d in rows)
    german = "Nr;Bezeichnung;Preis [EUR];Datum\r\n" + "".join(
        f'{a};"Teil ""{b}"", groß";{c:.2f};{a % 28 + 1}.1.2024\r\n'.replace(".", ",", 1) for a, b, c, _ in rows
    )
    several = "Report of the year\n\nregion,sales\nnorth,1\nsouth,2\n\ncode\tvalue\nA\t1,234\nB\t(5)\n\n* a note\n"
    quoted = 'a,b\n"line\nbreak","x"\n"unclosed,1\nNA,-\n007,yes\n'
    return [
        comma.encode(), german.encode(), german.encode("cp1252"), comma.encode("utf-16"), several.encode(),
        quoted.encode(), "名前,値\n東京,1\n大阪,2\n".encode("shift_jis"), b"a|b|c\n1|2|3\n4|5\n6|7|8|9\n",
    ]  # fmt: skip


def _workbooks() -> list[bytes]:
    book = openpyxl.Workbook()
    sheet = book.active or book.create_sheet()
    sheet.append(["Id", "When", "Share", "Text", "Flag"])
    for number in range(30):
        sheet.append([number, datetime(2024, 1, 1) + timedelta(days=number), number / 3, f"t{number}", True])  # noqa: DTZ001
    sheet["B2"].number_format = "yyyy-mm-dd"
    sheet.merge_cells("A40:C40")
    other = book.create_sheet("Notes & more")
    other["C3"], other["C4"] = "only", "=1/0"
    other.sheet_state = "hidden"
    return [_saved(book.save)]


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    target = io.BytesIO()
    save(target)
    return target.getvalue()


def _ods() -> list[bytes]:
    cells = "".join(
        f'<table:table-row><table:table-cell office:value-type="float" office:value="{number}"/>'
        f'<table:table-cell office:value-type="string"><text:p>name {number}</text:p></table:table-cell>'
        f'<table:table-cell office:value-type="date" office:date-value="2024-01-{number + 1:02d}"/></table:table-row>'
        for number in range(20)
    )
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0"?><office:document-content{spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="One">{cells}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    manifest = (
        '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return [_zipped({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})]


def _zipped(members: Mapping[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return target.getvalue()


def _pdfs() -> list[bytes]:
    rows = [["Hospital", "Beds", "Share"], *([f"House {n}", str(n * 10), f"{n / 7:.2f}"] for n in range(1, 12))]
    ruled, plain = io.BytesIO(), io.BytesIO()
    SimpleDocTemplate(ruled, pagesize=A4, invariant=1).build(
        [Table(rows, style=[("GRID", (0, 0), (-1, -1), 1, "black")])]
    )
    canvas = Canvas(plain, pagesize=A4, invariant=1, pageCompression=0)
    for line, row in enumerate(rows):
        for column, text in enumerate(row):
            canvas.drawString(72 + 150 * column, 760 - 18 * line, text)
    canvas.showPage()
    canvas.save()
    return [ruled.getvalue(), plain.getvalue()]


def _parquets() -> list[bytes]:
    table = pa.table({
        "n": list(range(200)), "f": [number / 3 for number in range(200)], "s": [f"text {n % 9}" for n in range(200)],
        "d": [date(2024, 1, 1)] * 200, "x": [Decimal("1.50")] * 200, "t": [datetime(2024, 1, 1, tzinfo=UTC)] * 200,
        "l": [[1, 2], []] * 100, "m": [{"a": 1, "b": "x"}] * 200,
    })  # fmt: skip

    def written(**options: object) -> bytes:
        target = io.BytesIO()
        pq.write_table(table, target, **options)  # type: ignore[arg-type]
        return target.getvalue()

    return [written(), written(compression="zstd", write_page_checksum=True, row_group_size=50), written(version="1.0")]


def _archives() -> list[bytes]:
    csv, parquet = _texts()[0], _parquets()[0]
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        for name, content in (("a.csv", csv), ("folder/b.csv", csv)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return [
        _zipped({"a.csv": csv, "year=2024/part.parquet": parquet, "inner.zip": _zipped({"c.csv": csv})}),
        tarred.getvalue(), _zipped({"year=2023/a.csv": csv, "year=2024/a.csv": csv}),
        gzip.compress(gzip.compress(csv)), bz2.compress(tarred.getvalue()), lzma.compress(_zipped({"a.csv": csv})),
    ]  # fmt: skip


_MADE: Final[Mapping[str, Callable[[], list[bytes]]]] = {
    "csv": _texts, "xlsx": _workbooks, "xlsm": _workbooks, "ods": _ods, "pdf": _pdfs, "parquet": _parquets,
    "archive": _archives,
}  # fmt: skip
