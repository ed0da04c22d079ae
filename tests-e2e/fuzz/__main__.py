"""`make fuzz`: so many mutated inputs of each format; exit code 1 if any ends as none should."""

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

import structlog

from fuzz.running import Tally, fuzz, input_of
from fuzz.seeds import seeds
from processing_svc.handlers.registry import formats

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


def main() -> int:
    """Fuzz, print counts, keep what failed."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--format", action="append", choices=formats(), help="all where not given")
    parser.add_argument("--inputs", type=int, default=5000, help="of each format")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of everything; printed")
    parser.add_argument("--keep", type=Path, default=Path(".data") / "fuzz", help="where failing inputs go")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"seed {chosen.seed}", flush=True)
    failed = 0
    for file_format in chosen.format or formats():
        begun = time.monotonic()
        tally = _one(file_format, chosen)
        failed += len(tally.faults)
        counts = ", ".join(f"{code} {count}" for code, count in tally.ends.most_common())
        print(f"{file_format:8} {tally.ends.total():6} inputs, {len(tally.faults)} faults, "
              f"{time.monotonic() - begun:.0f} s: {counts}", flush=True)  # fmt: skip
        for number, said in tally.faults[:20]:
            print(f"  {file_format} {number}: {said.strip()[-600:]}", flush=True)
    return 1 if failed else 0


def _one(file_format: str, chosen: argparse.Namespace) -> Tally:
    sound = seeds(file_format, CORPUS if CORPUS.is_dir() else None)
    if not sound:
        print(f"{file_format}: no sound file to begin with: the corpus is absent", flush=True)
        return Tally()

    def keep(number: int, data: bytes, said: str) -> None:
        folder = chosen.keep / file_format
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{chosen.seed}-{number}").write_bytes(data)
        (folder / f"{chosen.seed}-{number}.txt").write_text(said, "utf-8")

    numbers = range(chosen.first, chosen.first + chosen.inputs)
    inputs = ((number, input_of(sound, file_format, chosen.seed, number)) for number in numbers)
    return asyncio.run(fuzz(file_format, inputs, keep))


if __name__ == "__main__":
    sys.exit(main())
