"""PDF: pages a second and structure found, by this platform and by Camelot 2 (hybrid, vector), in one run.

`ours` is the platform's own reading of words and rules alone, `judged` what the handler makes of a page: the same, with
Camelot asked where a page is in doubt.

Usage: python benchmarks/pdf.py [--seeds 3] [--pages 1000] [--corpus ../shared/corpus/pdf]. Prints, for generated tables
of known structure, the F1 of neighbouring cells (the measure of the ICDAR 2013 table competition) by kind of document;
pages per second of processor time for reports, for pages of dense tables, and for the corpus where it is; and how time
and peak memory of the whole parse, types and Parquet included, grow with pages, each size in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
from harness.pdf_tables import Truth, document, f1, long_document, score, suite

Tables = list[list[Truth]]
SIZES = (10, 100)


def ours(path: Path) -> Tables:
    """Return the tables of a document as the platform's own reading finds them, before types and names."""
    from processing_svc.pages.finding import tables_of  # noqa: PLC0415 - so that the processes below load but what they use
    from processing_svc.pages.reading import read_page  # noqa: PLC0415

    found = []
    with pdfium.PdfDocument(path) as pdf:
        for page in pdf:
            for grid in tables_of(read_page(page)):
                found.append([Truth(c.row, c.column, c.text, c.rows, c.columns) for c in grid.cells])  # noqa: PERF401
            page.close()
    return found


def judged(path: Path) -> Tables:
    """Return the tables of a document as the handler takes them, by a second reading where a page is in doubt."""
    from processing_svc.pages.camelot_reading import camelots_tables  # noqa: PLC0415
    from processing_svc.pages.finding import tables_of  # noqa: PLC0415
    from processing_svc.pages.opinions import better, doubt  # noqa: PLC0415
    from processing_svc.pages.reading import read_page  # noqa: PLC0415

    found = []
    with pdfium.PdfDocument(path) as pdf, tempfile.TemporaryDirectory() as scratch:
        for number in range(1, len(pdf) + 1):
            page = pdf[number - 1]
            content = read_page(page)
            page.close()
            grids = tables_of(content)
            if (flavour := doubt(content, grids)) is not None:
                grids = better(content, grids, camelots_tables(pdf, number, content, flavour, Path(scratch)))
            found += [[Truth(c.row, c.column, c.text, c.rows, c.columns) for c in grid.cells] for grid in grids]
    return found


def camelots(path: Path) -> Tables:
    """Return the tables of a document as Camelot finds them."""
    import camelot  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = camelot.read_pdf(  # type: ignore[attr-defined]
            str(path), pages="all", flavor="hybrid", engine="vector", suppress_stdout=True
        )
    return [
        [
            Truth(r, c, " ".join(str(text).split()))
            for r, row in enumerate(table.data)
            for c, text in enumerate(row)
            if text
        ]
        for table in tables
    ]


READERS: dict[str, Callable[[Path], Tables]] = {"ours": ours, "judged": judged, "camelot": camelots}


def structure(seeds: int, folder: Path) -> None:
    """Print the F1 of all readers by kind of document."""
    counts: dict[str, dict[str, list[int]]] = {name: defaultdict(lambda: [0, 0, 0]) for name in READERS}
    single: dict[str, list[float]] = {name: [] for name in READERS}
    for made in suite(seeds):
        path = folder / "made.pdf"
        path.write_bytes(made.content)
        for name, read in READERS.items():
            result = score(made.tables, read(path))
            single[name].append(f1(*result))
            for index, count in enumerate(result):
                counts[name][made.kind][index] += count
    print(f"{'kind':28}{''.join(f'{name:>9}' for name in READERS)}   (F1 of neighbouring cells)")
    for kind in counts["ours"]:
        print(f"{kind:28}{''.join(f'{f1(*counts[name][kind]):9.3f}' for name in READERS)}")
    for name in READERS:
        total = [sum(values[index] for values in counts[name].values()) for index in range(3)]
        print(f"{name:8} all relations {f1(*total):.3f}, mean of documents {sum(single[name]) / len(single[name]):.3f}")


def speed(name: str, paths: Sequence[Path]) -> None:
    """Print the pages a second of processor time of all readers."""
    pages = 0
    spent = dict.fromkeys(READERS, 0.0)
    for path in paths:
        try:
            with pdfium.PdfDocument(path) as pdf:
                count = len(pdf)
            for reader, read in READERS.items():
                began = time.process_time()
                read(path)
                spent[reader] += time.process_time() - began
        except Exception as error:  # noqa: BLE001 - Camelot has no error of its own; what is not read is not measured
            print(f"  without {path.name}: {type(error).__name__}")
            continue
        pages += count
    rates = {reader: pages / max(seconds, 1e-9) for reader, seconds in spent.items()}
    ratio = rates["judged"] / rates["camelot"]
    told = " ".join(f"{reader} {rate:6.1f}/s" for reader, rate in rates.items())
    print(f"{name:28}{pages:5} pages {told}  judged {ratio:5.1f} times Camelot's")


CHILD = """
import json, resource, sys, time
from processing_svc.parse import parse
path, folder = sys.argv[1:]
began = time.process_time()
report = parse({"path": path, "format": "pdf", "scratch": folder, "out": folder})
print(json.dumps({"seconds": time.process_time() - began, "rows": sum(table["n_rows"] for table in report["tables"]),
                  "tables": len(report["tables"]), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def growth(pages: int, folder: Path) -> None:
    """Print time and peak memory of the whole parse for documents of more and more pages."""
    print(f"{'pages':>8}{'seconds':>9}{'pages/s':>9}{'peak MiB':>10}{'rows':>8}{'tables':>8}")
    for size in (*SIZES, pages):
        path = folder / f"{size}.pdf"
        path.write_bytes(long_document(size))
        done = subprocess.run([sys.executable, "-c", CHILD, str(path), str(folder)], capture_output=True, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        rate = size / told["seconds"]
        peak = told["peak"] / 1024
        print(f"{size:8}{told['seconds']:9.1f}{rate:9.1f}{peak:10.0f}{told['rows']:8}{told['tables']:8}")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus/pdf"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        structure(arguments.seeds, folder)
        reports = []
        for seed in range(20):
            reports.append(folder / f"report-{seed}.pdf")
            reports[-1].write_bytes(document(seed, "semi", spans=True, tables=3).content)
        dense = folder / "dense.pdf"
        dense.write_bytes(long_document(30))
        speed("reports", reports)
        speed("dense tables", [dense])
        if arguments.corpus.is_dir():
            speed("corpus", sorted(arguments.corpus.rglob("*.pdf")))
        growth(arguments.pages, folder)


if __name__ == "__main__":
    main()
