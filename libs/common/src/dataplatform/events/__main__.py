"""`python -m dataplatform.events write | check`: the documents generated from the event types."""

import argparse
import sys
from collections.abc import Sequence

from dataplatform.events.documents import BreakingChangeError, Places, breaks, stale, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the documents again, or say which are not current and what breaks; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dataplatform.events", description=__doc__)
    parser.add_argument("action", choices=("write", "check"))
    action = parser.parse_args(arguments).action
    places = Places.of_this_checkout()
    return _write(places) if action == "write" else _check(places)


def _write(places: Places) -> int:
    try:
        written = write(places)
    except BreakingChangeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in written:
        sys.stdout.write(f"wrote {path.relative_to(places.root)}\n")
    return 0


def _check(places: Places) -> int:
    faults = [f"{name}: {change}" for name, changes in breaks(places).items() for change in changes]
    faults += [f"{path.relative_to(places.root)} is not current: run `make schemas`" for path in stale(places)]
    sys.stderr.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
