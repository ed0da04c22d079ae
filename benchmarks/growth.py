"""How the cost of a parse grows: with rows and columns of a CSV, sheets of a workbook, pages of a PDF. A plot each.

Usage: python benchmarks/growth.py [--out docs/growth] [--only rows columns sheets pages]. Every parse is a process of
its own, in which everything is imported first. Prints processor seconds and the peak of private memory beyond what the
imports take, and writes an SVG for each kind of growth.
"""

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.plot import Line, plot

SIZES: Final[Mapping[str, Sequence[int]]] = {
    "rows": (10_000, 100_000, 500_000, 1_000_000, 2_000_000),
    "columns": (10, 100, 1_000, 5_000, 10_000),
    "sheets": (1, 5, 20, 50, 100),
    "pages": (1, 5, 20, 50, 100),
}


def csv_of_rows(rows: int) -> bytes:
    """Return a CSV of five columns."""
    lines = (f"{number},name {number % 977},{number / 7:.3f},2024-01-{number % 28 + 1:02},{number % 3 == 0}\n"
             for number in range(rows))  # fmt: skip
    return ("id,name,share,day,ok\n" + "".join(lines)).encode()


def csv_of_columns(columns: int) -> bytes:
    """Return a CSV of two million cells at most, with a hundred rows at least."""
    names = ",".join(f"c{number}" for number in range(columns))
    row = ",".join(str(number) for number in range(columns))
    return (names + "\n" + f"{row}\n" * 100).encode()


def workbook_of_sheets(sheets: int) -> bytes:
    """Return a workbook; each sheet has 200 rows of five cells."""
    import xlsxwriter  # noqa: PLC0415

    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for index in range(sheets):
            sheet = book.add_worksheet(f"s{index}")
            sheet.write_row(0, 0, ["id", "name", "share", "day", "ok"])
            for number in range(1, 201):
                sheet.write_row(
                    number, 0, [number, f"name {number}", number / 7, f"2024-01-{number % 28 + 1:02}", True]
                )
    return target.getvalue()


def pdf_of_pages(pages: int) -> bytes:
    """Return a PDF; each page has a ruled table of 40 rows."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415
    from reportlab.platypus import PageBreak, SimpleDocTemplate, Table  # noqa: PLC0415

    target, story = io.BytesIO(), []
    for page in range(pages):
        rows = [["Hospital", "Beds", "Share"], *([f"House {page}-{n}", str(n * 10), f"{n / 7:.2f}"] for n in range(39))]
        story += [Table(rows, style=[("GRID", (0, 0), (-1, -1), 1, "black")]), PageBreak()]
    SimpleDocTemplate(target, pagesize=A4, invariant=1).build(story)
    return target.getvalue()


MADE: Final[Mapping[str, tuple[str, Callable[[int], bytes]]]] = {
    "rows": ("csv", csv_of_rows),
    "columns": ("csv", csv_of_columns),
    "sheets": ("xlsx", workbook_of_sheets),
    "pages": ("pdf", pdf_of_pages),
}


def measure(what: str, size: int) -> dict[str, float]:
    """Make a file of this size, parse it in a process of its own, return what that took."""
    file_format, make = MADE[what]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "original"
        path.write_bytes(make(size))
        command = [sys.executable, __file__, "--one", file_format, "--file", str(path)]
        found = dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        return {**found, "size": size, "megabytes": path.stat().st_size / 1e6}


def parse_one(file_format: str, path: Path) -> None:
    """Parse and print; the process holds everything imported before the clock starts."""
    import processing_svc.preload  # noqa: F401, PLC0415
    from processing_svc.parse import parse  # noqa: PLC0415

    scratch, out = path.parent / "scratch", path.parent / "out"
    scratch.mkdir()
    out.mkdir()
    before, begun = _peak_mebibytes(), time.process_time()
    parse({"path": str(path), "format": file_format, "scratch": str(scratch), "out": str(out)})
    seconds = time.process_time() - begun
    print(json.dumps({"cpu_seconds": seconds, "peak_mebibytes": _peak_mebibytes() - before}))


def _peak_mebibytes() -> float:
    """Return the highest memory of this program; what getrusage says begins with that of the parent."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(found[1]) / 1024 if found else 0.0


def drawn(what: str, found: Sequence[Mapping[str, float]]) -> str:
    """Return an SVG: processor seconds (line) and peak memory (dashed) over the size."""
    seconds = Line([one["cpu_seconds"] for one in found], "{:.2f} s of processor time")
    memory = Line([one["peak_mebibytes"] for one in found], "{:.0f} MiB at the peak")
    return plot(what, [one["size"] for one in found], seconds, memory)


def main() -> None:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs") / "growth")
    parser.add_argument("--only", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        parse_one(chosen.one, chosen.file)
        return
    chosen.out.mkdir(parents=True, exist_ok=True)
    for what in chosen.only:
        found = [measure(what, size) for size in SIZES[what]]
        for one in found:
            print(f"{what:8} {one['size']:>10,.0f}  {one['megabytes']:8.1f} MB  {one['cpu_seconds']:7.2f} cpu s  "
                  f"{one['peak_mebibytes']:6.0f} MiB", flush=True)  # fmt: skip
        (chosen.out / f"{what}.svg").write_text(drawn(what, found), "utf-8")


if __name__ == "__main__":
    main()
