"""What mess costs: the same rows as clean and as messy CSV, from file to Parquet, each in a process of its own.

Prints seconds of wall and processor time, the ratio to the clean file, and the peak of memory.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MESSES: dict[str, Callable[[random.Random, int, str], str]] = {
    "clean": lambda _rng, _number, line: line,
    "ragged": lambda rng, _number, line: line.rsplit(",", 1)[0] if rng.random() < 0.01 else line,
    "ragged_often": lambda rng, _number, line: line.rsplit(",", 1)[0] if rng.random() < 0.1 else line,
    "too_wide": lambda rng, _number, line: f"{line},more" if rng.random() < 0.01 else line,
    "stray_quotes": lambda rng, _number, line: line.replace("name", 'na"me', 1) if rng.random() < 0.01 else line,
    "line_ends": lambda rng, _number, line: f"{line}\r" if rng.random() < 0.5 else line,
    "blank_lines": lambda rng, _number, line: f"{line}\n" if rng.random() < 0.01 else line,
    "lines_in_quotes": lambda rng, _number, line: line.replace(", text", "\ntext") if rng.random() < 0.05 else line,
    "preamble": lambda _rng, number, line: f"Report\nof the office\n\n{line}" if number == 0 else line,
    "repeated_header": lambda _rng, number, line: line if number % 10_000 else f"id,name,value,day,note,code\n{line}",
}


def write(path: Path, mess: str, megabytes: int) -> None:
    """Write a file of about so many megabytes."""
    rng = random.Random(1)
    change = MESSES[mess]
    with path.open("w", newline="") as sink:
        if mess != "preamble":
            sink.write("id,name,value,day,note,code\n")
        size = number = 0
        while size < megabytes * 1_000_000:
            head = "id,name,value,day,note,code\n" if mess == "preamble" and number == 0 else ""
            day, code = f"2024-0{number % 9 + 1}-11", f"A{number % 89:02}"
            line = f'{number},name {number % 977},{number / 7:.4f},{day},"some, text {number}",{code}'
            size += sink.write(change(rng, number, head + line) + "\n")
            number += 1


def measure(path: Path) -> dict[str, float]:
    """Parse a file in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--parse", str(path)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def parse_here(path: Path) -> dict[str, float]:
    """Parse a file, and return what it took."""
    from processing_svc.parse import parse  # noqa: PLC0415 - only the measured process loads the engines

    with tempfile.TemporaryDirectory() as folder:
        scratch, out = Path(folder) / "scratch", Path(folder) / "out"
        scratch.mkdir()
        out.mkdir()
        begun, busy = time.perf_counter(), time.process_time()
        report = parse({"path": str(path), "format": "csv", "scratch": str(scratch), "out": str(out)})
        spent = {"wall": time.perf_counter() - begun, "cpu": time.process_time() - busy}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = sum(table["n_rows"] for table in report["tables"])
    return {**spent, "peak_mib": peak, "rows": rows, "repairs": report["repair_count"]}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--mess", choices=sorted(MESSES), action="append")
    parser.add_argument("--parse", type=Path)
    arguments = parser.parse_args()
    if arguments.parse:
        print(json.dumps(parse_here(arguments.parse)))
        return
    base = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for mess in ["clean", *(name for name in arguments.mess or MESSES if name != "clean")]:
            path = Path(folder) / f"{mess}.csv"
            write(path, mess, arguments.megabytes)
            found = measure(path)
            path.unlink()
            base = base or found["cpu"]
            print(
                f"{mess:16} wall {found['wall']:6.2f} s  cpu {found['cpu']:6.2f} s  x{found['cpu'] / base:.2f}  "
                f"peak {found['peak_mib']:.0f} MiB  rows {found['rows']:.0f}  repairs {found['repairs']:.0f}"
            )


if __name__ == "__main__":
    main()
