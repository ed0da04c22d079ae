"""How well polluted CSV is loaded: a clean table, one pollution at a time, what was loaded against what is there.

After Pollock (Vitagliano et al., VLDB 2023): success, and precision, recall and F1 of header, records and cells, each
from 0 to 1, so that 10 is the best score of a file. Tables and pollutions are made here, from a seed.
"""

import argparse
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from processing_svc.handlers.interface import HandlerError, Notes
from processing_svc.text.clean import clean_beginning, clean_throughout
from processing_svc.text.dialect import Dialect
from processing_svc.text.encoding import as_utf8
from processing_svc.text.scanning import LineReader
from processing_svc.text.sniff import sniff
from processing_svc.text.tables import CleanTable, read_tables

Rows = list[list[str]]
END = "\r\n"
ROWS, COLUMNS = 84, 9


@dataclass(frozen=True, slots=True)
class Polluted:
    """A polluted file, and the header and records that should be loaded from it."""

    kind: str
    content: str
    header: list[str]
    rows: Rows


def source(rng: random.Random) -> tuple[list[str], Rows]:
    """Make a clean table: numbers, dates, times, codes, texts with delimiters, quotes and spaces, and empty cells."""
    header = ["DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL", "Comments"]
    words = ["glass", "lamp", "table", "new", "blue", "wooden", "chair", "of", "oak", "small"]
    rows = [
        [
            f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/20{rng.randint(10, 24)}",
            f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
            str(rng.randint(1, 99)),
            f"{rng.choice('ABCDE')}{rng.randint(100, 999)}",
            f"{rng.uniform(1, 900):.2f}",
            rng.choice(["Home", "Garden", "Office"]),
            " ".join(rng.choices(words, k=rng.randint(1, 5))),
            f"http://example.org/{rng.choice(words)}/{rng.randint(1, 99)}",
            rng.choice(["", "", "", "n.a.", "see note, below", 'called "best"', "Last one; sold"]),
        ]
        for _ in range(ROWS)
    ]
    return header, rows


def quoted(cell: str, delimiter: str, quote: str, escape: str) -> str:
    """Return a cell as a careful writer writes it."""
    core = delimiter.strip() or delimiter
    if core not in cell and quote not in cell and "\n" not in cell and not (delimiter == " " and not cell):
        return cell
    return quote + cell.replace(quote, escape + quote) + quote


def text(
    rows: Sequence[Sequence[str]], delimiter: str = ",", quote: str = '"', escape: str = '"', end: str = END
) -> str:
    """Return rows as delimited text."""
    return "".join(delimiter.join(quoted(cell, delimiter, quote, escape) for cell in row) + end for row in rows)


def polluted(seed: int, share: float) -> Iterator[Polluted]:
    """Yield the polluted versions of one table; of those that concern one row or cell, a share."""
    rng = random.Random(seed)
    header, rows = source(rng)
    everything = [header, *rows]
    yield Polluted("source", text(everything), header, rows)
    yield from _of_files(header, rows)
    yield from _of_structure(header, rows)
    for row in range(len(everything)):
        for column in range(COLUMNS):
            if rng.random() < share:
                yield from _of_cells(rng, everything, row, column)
        if rng.random() < max(share, 0.2):
            yield _row_delimiter(everything, row)


def _of_files(header: list[str], rows: Rows) -> Iterator[Polluted]:
    everything = [header, *rows]
    plain = text(everything)
    other = [f"col{number}" for number in range(1, COLUMNS + 1)]
    yield Polluted("no_payload", "", [], [])
    yield Polluted("no_trailing_newline", plain.removesuffix(END), header, rows)
    yield Polluted("double_trailing_newline", plain + END, header, rows)
    yield Polluted("no_header", text(rows), [], rows)
    above = ["Group " + "ABC"[index // 3] if index % 3 == 0 else "" for index in range(COLUMNS)]
    flat = [f"Group {'ABC'[index // 3]} {name}" for index, name in enumerate(header)]
    yield Polluted("header_multirow_2", text([above, *everything]), flat, rows)
    units = [f"unit {name}" for name in header]
    yield Polluted(
        "header_multirow_3",
        text([above, header, units, *rows]),
        [f"{a} {b}" for a, b in zip(flat, units, strict=True)],
        rows,
    )
    yield Polluted("preamble", f"Sales of the year{END}Source: office, 2024{END}{END}" + plain, header, rows)
    yield Polluted(
        "preamble_padded",
        f"Sales of the year{',' * (COLUMNS - 1)}{END}{',' * (COLUMNS - 1)}{END}" + plain,
        header,
        rows,
    )
    yield Polluted("footnote", plain + f"{END}* provisional, see notes{END}Source: office{END}", header, rows)
    for kind, width in (("less", 4), ("more", 9), ("same", 9)):
        second = [[f"{number}", *(f"x{number}y{column}" for column in range(1, width))] for number in range(20)]
        first = [row[: 9 if kind != "more" else 4] for row in everything]
        for gap, name in ((END, "blank"), ("", "close")):
            if kind == "same" and not gap:
                continue
            content = text(first) + gap + text([other[:width], *second])
            yield Polluted(f"multitable_{kind}_{name}", content, [*first[0], *other[:width]], [*first[1:], *second])
    yield Polluted("header_only", text([header]), header, [])
    yield Polluted("one_data_row", text(everything[:2]), header, rows[:1])
    yield Polluted("repeated_header", text([header, *rows[:40], header, *rows[40:]]), header, rows)
    yield Polluted("comments", f"# made by a program{END}" + plain, header, rows)


def _of_structure(header: list[str], rows: Rows) -> Iterator[Polluted]:
    everything = [header, *rows]
    for delimiter in (" ", ", ", ";", "\t", "|", "||", "§", "\x1f"):
        yield Polluted(f"field_delimiter_{delimiter!r}", text(everything, delimiter), header, rows)
    yield Polluted("quotation_char", text(everything, quote="'"), header, rows)
    yield Polluted("escape_backslash", text(everything, escape="\\"), header, rows)
    yield Polluted("escape_missing", text(everything, escape=""), header, rows)
    yield Polluted("record_delimiter_LF", text(everything, end="\n"), header, rows)
    yield Polluted("record_delimiter_CR", text(everything, end="\r"), header, rows)
    mixed = "".join(text([row], end=("\n", "\r\n")[index % 2]) for index, row in enumerate(everything))
    yield Polluted("record_delimiters_mixed", mixed, header, rows)


def _of_cells(rng: random.Random, everything: Rows, row: int, column: int) -> Iterator[Polluted]:
    written = [quoted(cell, ",", '"', '"') for cell in everything[row]]
    if column:
        joined = [*written[: column - 1], written[column - 1] + written[column], *written[column + 1 :]]
        plain = everything[row]
        wanted = [*plain[: column - 1], plain[column - 1] + plain[column], *plain[column + 1 :]]
        yield _with_row("row_less_sep", everything, row, ",".join(joined), [*wanted, ""] if row else wanted)
    extra = [*written[:column], "", *written[column:]]
    yield _with_row("row_more_sep", everything, row, ",".join(extra), everything[row])
    cell = everything[row][column]
    place = rng.choice((0, len(cell), rng.randint(0, len(cell))))
    if '"' not in cell and "," not in cell:
        broken = cell[:place] + '"' + cell[place:]
        yield _with_row("row_extra_quote", everything, row,
                        ",".join([*written[:column], broken, *written[column + 1 :]]),
                        [*everything[row][:column], broken, *everything[row][column + 1 :]])  # fmt: skip


def _with_row(kind: str, everything: Rows, row: int, line: str, wanted: list[str]) -> Polluted:
    lines = [text([cells]) for cells in everything]
    content = "".join([*lines[:row], line + END, *lines[row + 1 :]])
    changed = [*everything[:row], wanted, *everything[row + 1 :]]
    return Polluted(f"{kind}{'_header' if row == 0 else ''}", content, changed[0], changed[1:])


def _row_delimiter(everything: Rows, row: int) -> Polluted:
    lines = [text([cells]) for cells in everything]
    lines[row] = text([everything[row]], " ")
    kind = "row_field_delimiter" + ("_header" if row == 0 else "")
    return Polluted(kind, "".join(lines), everything[0], everything[1:])


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded: names and records of all tables, as text."""

    header: list[str]
    rows: Rows
    success: bool = True
    outside: tuple[str, ...] = ()
    """The lines that are in no table, as the findings and repairs name them."""


def load(content: bytes) -> Loaded:
    """Load a file as the handler does, without making types of the text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content)
        try:
            return _loaded(path, Path(folder))
        except HandlerError:
            return Loaded([], [], success=False)


def _loaded(path: Path, folder: Path) -> Loaded:
    path = as_utf8(path, None, folder, Notes()).path
    raw = path.read_bytes().decode("utf-8", "replace")
    lines = raw.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = sniff(lines[:-1] if len(lines) > 1 else lines)
    header: list[str] = []
    rows: Rows = []
    outside: list[str] = []
    clean = clean_beginning(path, found, None)
    clean = clean and clean_throughout(path, clean)
    if clean is not None:
        try:
            return Loaded(
                [name or "" for name in clean.layout.names if clean.layout.has_header], _read(path, clean.dialect)
            )
        except duckdb.Error:
            pass
    with closing(LineReader(path, found.form, Notes())) as reader:
        for table in read_tables(reader, folder, header_row=None, skip=found.skip, most_columns=100_000):
            names = table.layout.names[:-1] if table.drop_last else table.layout.names
            header += [name or "" for name in names if table.layout.has_header]
            outside += _lines(lines, table)
            rows += _read(table.path, Dialect(table.form, names, longest=table.longest, drop_last=table.drop_last))
    if not header and not rows:
        raise HandlerError("empty_file", "no text")
    return Loaded(header, rows, outside=tuple(outside))


def _lines(lines: Sequence[str], table: CleanTable) -> list[str]:
    """Return the lines of a file that remarks on a table say are left out."""
    found: list[str] = []
    for remark in (*table.findings.listed, *table.repairs.listed):
        if remark.kind in {"preamble", "footnote", "comment_line", "repeated_header"}:
            first, _, last = str(remark.position).split(" ")[1].partition("-")
            found += lines[int(first) - 1 : int(last or first)]
    return found


def _read(path: Path, dialect: Dialect) -> Rows:
    found = duckdb.execute(f"SELECT * FROM {dialect.read_csv(path)}").fetchall()
    return [["" if cell is None else cell for cell in row] for row in found]


def measures(wanted: Sequence[object], found: Sequence[object]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of one bag of things against another."""
    if not wanted:
        return 1.0, 1.0, 1.0
    same = sum((Counter(wanted) & Counter(found)).values())
    if not same:
        return 0.0, 0.0, 0.0
    precision, recall = same / len(found), same / len(wanted)
    return precision, recall, 2 * precision * recall / (precision + recall)


def score(file: Polluted, loaded: Loaded) -> float:
    """Return the score of a file, from 0 to 10. A file without content is to be refused."""
    if not file.content:
        return 10.0 * (not loaded.success)
    header = measures(file.header, loaded.header)
    rows = measures([tuple(row) for row in file.rows], [tuple(row) for row in loaded.rows])
    cells = measures([cell for row in file.rows for cell in row], [cell for row in loaded.rows for cell in row])
    return float(loaded.success) + sum(header) + sum(rows) + sum(cells)


def scores(seed: int, share: float) -> Iterator[tuple[Polluted, float]]:
    """Yield every polluted file of one table with its score."""
    for file in polluted(seed, share):
        yield file, score(file, load(file.content.encode()))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.15, help="of the pollutions of single rows and cells")
    parser.add_argument("--worst", type=int, default=0, help="show so many of the worst files")
    arguments = parser.parse_args()
    by_kind: dict[str, list[float]] = defaultdict(list)
    worst: list[tuple[float, int, Polluted]] = []
    for seed in range(arguments.seeds):
        for file, value in scores(seed, arguments.share):
            by_kind[file.kind].append(value)
            worst.append((value, len(worst), replace(file)))
    for kind, values in by_kind.items():
        print(f"{kind:32} {len(values):5} {sum(values) / len(values):7.4f}  lowest {min(values):.4f}")
    everything = [value for values in by_kind.values() for value in values]
    print(f"simple {sum(everything) / len(everything):.4f} over {len(everything)} files")
    print(f"each kind once {sum(sum(values) / len(values) for values in by_kind.values()) / len(by_kind):.4f}")
    for value, _, file in sorted(worst)[: arguments.worst]:
        loaded = load(file.content.encode())
        print(f"--- {value:.3f} {file.kind}\nwanted {file.header}\nloaded {loaded.header}")
        print("missing", [row for row in file.rows if row not in loaded.rows][:2])
        print("instead", [row for row in loaded.rows if row not in file.rows][:2])


if __name__ == "__main__":
    main()
