"""How often the dialect of a messy file is found: made-up files with a known delimiter, quote, escape and header.

Prints the share of right answers for our detection, DuckDB's sniffer and the standard library's.
"""

import argparse
import csv
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from processing_svc.text.sniff import sniff

WORDS = (
    *("alpha", "Bravo", "charlie", "Delta", "echo", "Foxtrot", "golf", "Hotel"),
    *("india", "Juliet", "kilo", "Lima", "mike", "November", "oscar", "Papa"),
)
DELIMITERS = (
    [","] * 8
    + [";"] * 5
    + ["\t"] * 4
    + ["|"] * 3
    + [" ", ":", "^", "~", "§", "\x01", "||", "::", ", ", "; ", "|~|", "#", "&", "*"]
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file and its dialect; a quote that no field has is None."""

    text: str
    delimiter: str
    quote: str | None
    escape: str | None
    header: bool


def _name(rng: random.Random) -> str:
    return f"{rng.choice(WORDS).title()} {rng.choice(WORDS).title()}"


def _sentence(rng: random.Random) -> str:
    words = [rng.choice(WORDS).lower() for _ in range(rng.randint(3, 14))]
    marks = [rng.choice(["", "", "", ",", ";", ":", " -"]) for _ in words]
    return " ".join(word + mark for word, mark in zip(words, marks, strict=True)).rstrip(",;: -") + rng.choice(".!?")


def _quoted(rng: random.Random) -> str:
    return f'the "{rng.choice(WORDS)}" of {_name(rng)}'


COLUMNS: dict[str, Callable[[random.Random], str]] = {
    "id": lambda rng: str(rng.randint(1, 99999)),
    "code": lambda rng: f"{rng.choice('ABCDEF')}{rng.randint(10, 99)}-{rng.randint(100, 999)}",
    "name": _name,
    "surname_first": lambda rng: f"{rng.choice(WORDS).title()}, {rng.choice(WORDS).title()}",
    "amount": lambda rng: f"{rng.uniform(-500, 5000):.2f}",
    "amount_comma": lambda rng: f"{rng.uniform(-500, 5000):.2f}".replace(".", ","),
    "thousands": lambda rng: f"{rng.randint(1000, 9999999):,}",
    "date": lambda rng: f"20{rng.randint(10, 26)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    "date_slash": lambda rng: f"{rng.randint(1, 28)}/{rng.randint(1, 12)}/20{rng.randint(10, 26)}",
    "moment": lambda rng: (
        f"20{rng.randint(10, 26)}-0{rng.randint(1, 9)}-11 {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00"
    ),
    "clock": lambda rng: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
    "flag": lambda rng: rng.choice(["true", "false"]),
    "url": lambda rng: f"https://example.org/{rng.choice(WORDS)}?id={rng.randint(1, 99)}&x={rng.choice(WORDS)}",
    "mail": lambda rng: f"{rng.choice(WORDS)}@example.org",
    "note": _sentence,
    "quoted": _quoted,
    "list": lambda rng: rng.choice([",", ";", "|", "/"]).join(rng.choice(WORDS) for _ in range(rng.randint(2, 5))),
    "json": lambda rng: f'{{"a": {rng.randint(1, 9)}, "b": "{rng.choice(WORDS)}"}}',
    "share": lambda rng: f"{rng.uniform(0, 100):.1f}%",
    "money": lambda rng: f"${rng.randint(1, 999)}.{rng.randint(10, 99)}",
    "possessive": lambda rng: f"{rng.choice(WORDS)}'s {rng.choice(WORDS)}",
    "sparse": lambda rng: rng.choice(["", "", "", rng.choice(WORDS)]),
    "empty": lambda _rng: "",
    "lines": lambda rng: f"{rng.choice(WORDS)}\n{rng.choice(WORDS)}",
}


def labelled(seed: int) -> Labelled:
    """Make one file."""
    rng = random.Random(seed)
    delimiter = rng.choice(DELIMITERS)
    quote: str | None = rng.choice(['"'] * 6 + ["'"] * 2 + [None] * 3)
    escape = rng.choice([quote, quote, quote, "\\"])
    style = rng.choice(["minimal", "minimal", "all", "text", "some"])
    kinds = rng.sample(list(COLUMNS), rng.randint(2, 9))
    rows = [[COLUMNS[kind](rng) for kind in kinds] for _ in range(rng.choice([3, 5, 8, 15, 30, 80]))]
    header = rng.random() < 0.75
    if header:
        rows.insert(0, [rng.choice([kind, kind.title(), kind.upper(), f"{kind} value"]) for kind in kinds])
    if quote is None:
        rows = [[_plain(cell, delimiter) for cell in row] for row in rows]
    used = Counter[str]()
    lines = [_line(rng, row, (delimiter, quote, escape), style, used) for row in rows]
    lines = _messed(rng, lines, delimiter)
    end = rng.choice(["\n", "\n", "\r\n"])
    escaped = escape if used["escape"] else None
    return Labelled(end.join(lines) + end, delimiter, quote if used["quote"] else None, escaped, header)


def _plain(cell: str, delimiter: str) -> str:
    for mark in (delimiter.strip() or delimiter, '"', "'", "\n"):
        cell = cell.replace(mark, "_")
    return cell


def _line(
    rng: random.Random, row: list[str], dialect: tuple[str, str | None, str | None], style: str, used: Counter[str]
) -> str:
    delimiter, quote, escape = dialect
    core = delimiter.strip() or delimiter
    cells = []
    for cell in row:
        must = quote is not None and (core in cell or quote in cell or "\n" in cell)
        text = not cell.replace(".", "").isdigit()
        wants = {"minimal": False, "all": True, "text": text, "some": rng.random() < 0.3}[style]
        if quote is None or not (must or wants):
            cells.append(cell)
            continue
        used["quote"] += 1
        used["escape"] += quote in cell
        inner = cell.replace("\\", "\\\\") if escape == "\\" else cell
        cells.append(quote + inner.replace(quote, f"{escape}{quote}") + quote)
    return delimiter.join(cells)


def _messed(rng: random.Random, lines: list[str], delimiter: str) -> list[str]:
    mess = rng.random()
    if mess < 0.12:
        lines = ["Report of the year 2024", f"Source: office, {rng.choice(WORDS)}", "", *lines]
    elif mess < 0.2:
        lines = [*lines, "", "* provisional figures; see notes", "Source: office"]
    elif mess < 0.3:
        at = rng.randrange(len(lines))
        lines[at] = delimiter.join(lines[at].split(delimiter)[:-1]) or "x"
    elif mess < 0.36:
        lines[rng.randrange(len(lines))] += delimiter + "extra"
    elif mess < 0.42:
        lines.insert(rng.randrange(1, len(lines)), "")
    elif mess < 0.46:
        lines = [line + delimiter for line in lines]
    elif mess < 0.5:
        lines = ["# generated by a program", *lines]
    return lines


def _ours(file: Labelled) -> tuple[str | None, str | None, str | None]:
    found = sniff(file.text.replace("\r\n", "\n").split("\n"))
    return found.form.delimiter, found.form.quote, found.form.escape


def _duckdb(file: Labelled) -> tuple[str | None, str | None, str | None]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(file.text.encode())
        try:
            row = duckdb.execute(
                "SELECT Delimiter, Quote, Escape FROM "
                "sniff_csv(?, strict_mode=false, ignore_errors=true, null_padding=true)",
                [str(path)],
            ).fetchone()
        except duckdb.Error:
            return None, None, None
    return (row[0], row[1], row[2]) if row else (None, None, None)


def _standard(file: Labelled) -> tuple[str | None, str | None, str | None]:
    try:
        found = csv.Sniffer().sniff(file.text[:10_000])
    except csv.Error:
        return None, None, None
    return found.delimiter, found.quotechar, found.quotechar if found.doublequote else "\\"


DETECTORS = {"ours": _ours, "duckdb": _duckdb, "csv.Sniffer": _standard}


def is_right(file: Labelled, found: tuple[str | None, str | None, str | None]) -> tuple[bool, bool, bool]:
    """Whether the delimiter, the quote and the escape are right; what no field has may be anything."""
    delimiter, quote, escape = found
    return (
        delimiter == file.delimiter,
        file.quote is None or quote == file.quote,
        file.escape is None or escape == file.escape,
    )


def files(count: int, seed: int) -> Iterator[Labelled]:
    """Yield the set."""
    for number in range(count):
        yield labelled(seed * 1_000_003 + number)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wrong", action="store_true")
    arguments = parser.parse_args()
    right: dict[str, Counter[str]] = {name: Counter() for name in DETECTORS}
    per_delimiter: dict[str, Counter[str]] = {name: Counter() for name in DETECTORS}
    total: Counter[str] = Counter()
    for number, file in enumerate(files(arguments.count, arguments.seed)):
        total[file.delimiter] += 1
        for name, detector in DETECTORS.items():
            found = detector(file)
            parts = is_right(file, found)
            right[name].update(dict(zip(("delimiter", "quote", "escape"), parts, strict=True)))
            right[name]["both"] += parts[0] and parts[1]
            right[name]["all"] += all(parts)
            per_delimiter[name][file.delimiter] += all(parts)
            if arguments.wrong and name == "ours" and not all(parts):
                print(f"{number}: wanted {(file.delimiter, file.quote, file.escape)}, found {found}")
                print("\n".join("    " + line[:110] for line in file.text.splitlines()[:5]))
    for delimiter, count in total.most_common():
        print(
            f"{delimiter!r:8} {count:4}",
            *(f"{name} {per_delimiter[name][delimiter] / count:.3f}" for name in DETECTORS),
        )
    for name in DETECTORS:
        shares = {
            part: round(right[name][part] / arguments.count, 3)
            for part in ("delimiter", "quote", "escape", "both", "all")
        }
        print(name, shares)


if __name__ == "__main__":
    main()
