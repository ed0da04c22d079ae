"""xlsx to Parquet: this platform's parse against fastexcel's read into Arrow, which writes nothing, in the same run.

Usage: python benchmarks/xlsx.py [--rows 500000] [--columns 10] [--growth]. Prints seconds, processor seconds, the ratio
of both, and the peak memory of each, every one in a process of its own; and how the platform's cost grows with rows,
columns and sheets. fastexcel holds the sheet in memory and judges nothing: the platform also finds regions and header,
types every column by all of its cells, counts errors, and writes Parquet.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROUNDS = 2
CITIES = ("Berlin", "Hamburg", "München", "Köln", "A &amp; B")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = ("id", "name", "word", "n", "latitude", "price", "day", "ok", "city", "code")


def make_xlsx(path: Path, rows: int, columns: int = 10, sheets: int = 1) -> None:
    """Write a workbook as Excel does: shared strings, ten kinds of columns in turn, the same for the same size."""
    strings: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        listed = "".join(f'<sheet name="s{n}" sheetId="{n}" r:id="r{n}"/>' for n in range(sheets))
        targets = "".join(
            f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(sheets)
        )
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{targets}</Relationships>'
        )
        main = f'<Relationship Id="r" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{main}</Relationships>')
        archive.writestr("xl/styles.xml", STYLES)
        for number in range(sheets):
            with archive.open(f"xl/worksheets/sheet{number}.xml", "w") as sheet:
                for piece in _sheet(rows, columns, strings):
                    sheet.write(piece.encode())
        items = "".join(f"<si><t>{text}</t></si>" for text in strings)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{items}</sst>')


def _sheet(rows: int, columns: int, strings: dict[str, int]) -> Iterator[str]:
    rng = random.Random(7)
    letters = [_letters(index) for index in range(columns)]
    names = [NAMES[index % 10] + (str(index // 10) if index >= 10 else "") for index in range(columns)]
    heads = "".join(
        f'<c r="{letter}1" t="s"><v>{strings.setdefault(name, len(strings))}</v></c>'
        for letter, name in zip(letters, names, strict=True)
    )
    yield f'<worksheet xmlns="{MAIN}"><sheetData><row r="1" spans="1:{columns}">{heads}</row>'
    block = [_values(rng) for _ in range(2_000)]
    for number in range(2, rows + 2):
        values = block[number % len(block)]
        cells = []
        for index, letter in enumerate(letters):
            style, value = values[index % 10]
            if value is None:
                value = strings.setdefault(f"{style}{number * 7919 % 50_021}", len(strings))
                cells.append(f'<c r="{letter}{number}" t="s"><v>{value}</v></c>')
            else:
                cells.append(f'<c r="{letter}{number}"{style}><v>{value}</v></c>')
        yield f'<row r="{number}" spans="1:{columns}">{"".join(cells)}</row>'
    yield "</sheetData></worksheet>"


def _values(rng: random.Random) -> list[tuple[str, object]]:
    """Return ten cells: attributes and value, or, for text, its beginning and None."""
    return [
        ("", rng.randint(0, 10**6)), ("name ", None), (f"word{rng.randint(0, 9)} ", None), ("", rng.randint(0, 10**6)),
        ("", rng.uniform(-90, 90)), ("", rng.randint(0, 100_000) / 100), (' s="1"', rng.randint(42_000, 46_000)),
        (' t="b"', rng.randint(0, 1)), (f"{rng.choice(CITIES)} ", None), ("id-", None),
    ]  # fmt: skip


def _letters(index: int) -> str:
    first, second = divmod(index, 26)
    return (_letters(first - 1) if first else "") + chr(65 + second)


def fastexcel_arrow(path: Path, _folder: Path) -> None:
    """Read every sheet as fastexcel does by itself."""
    import fastexcel  # noqa: PLC0415

    reader = fastexcel.read_excel(str(path))
    for name in reader.sheet_names:
        reader.load_sheet(name).to_arrow()


def platform(path: Path, folder: Path) -> None:
    """Convert as the platform's worker does."""
    from processing_svc.parse import parse  # noqa: PLC0415

    scratch, out = folder / "scratch", folder / "out"
    scratch.mkdir()
    out.mkdir()
    parse({"path": str(path), "format": "xlsx", "scratch": str(scratch), "out": str(out)})


def _measure(name: str, path: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, __file__, "--one", name, "--file", str(path), "--folder", folder]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _run_one(name: str, path: Path, folder: Path) -> None:
    if name == "platform":
        import processing_svc.preload  # noqa: F401, PLC0415 - a parse starts with everything imported

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    begun, used = time.perf_counter(), time.process_time()
    {"fastexcel": fastexcel_arrow, "platform": platform}[name](path, folder)
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": processor, "peak_bytes": peak, "before_bytes": before}))


def _line(name: str, one: dict[str, float]) -> str:
    peak, before = one["peak_bytes"] / 2**20, one["before_bytes"] / 2**20
    times = f"{one['seconds']:6.2f} s  {one['cpu_seconds']:6.2f} cpu s"
    return f"{name:24} {times}  peak {peak:5.0f} MiB (of which {before:.0f} before the parse)"


def main() -> None:
    """Compare both, the better of some rounds each, taken in turns; then show how the cost grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--growth", action="store_true", help="also show how the cost grows")
    parser.add_argument("--one", choices=("fastexcel", "platform"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        _run_one(chosen.one, chosen.file, chosen.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.xlsx"
        make_xlsx(path, chosen.rows, chosen.columns)
        rounds = [(_measure("fastexcel", path), _measure("platform", path)) for _ in range(ROUNDS)]
        best = [min(taken, key=lambda one: one["cpu_seconds"]) for taken in zip(*rounds, strict=True)]
        for name, one in zip(("fastexcel to Arrow", "platform to Parquet"), best, strict=True):
            print(_line(name, one))
        print(f"ratio {best[1]['seconds'] / best[0]['seconds']:.2f}, of processor time "
              f"{best[1]['cpu_seconds'] / best[0]['cpu_seconds']:.2f}  ({chosen.rows} x {chosen.columns}, "
              f"{path.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores)")  # fmt: skip
        for rows, columns, sheets in _GROWTH if chosen.growth else ():
            make_xlsx(path, rows, columns, sheets)
            print(_line(f"{rows:7} x {columns:5} x {sheets:3}", _measure("platform", path)))


_GROWTH = (
    (10_000, 10, 1), (100_000, 10, 1), (1_000_000, 10, 1), (1_000, 100, 1), (1_000, 1_000, 1), (1_000, 10_000, 1),
    (1_000, 10, 10), (1_000, 10, 100),
)  # fmt: skip
"""Rows, columns and sheets."""


if __name__ == "__main__":
    main()
