"""The options that `inspect` and `extract` share; a wrong one ends in exit code 64, never in one of a parse."""

import re
from pathlib import Path
from typing import Annotated, Any, Final

import pydantic
import typer
from typer.core import TyperCommand

from dataplatform.events.base import ParseOptions
from dataplatform.jobs.sandbox import Limits
from dataplatform_cli.reading import MISUSED

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]?)(i?)B?", re.IGNORECASE)
_PREFIXES: Final = " KMGT"
USAGE_ERROR: Final = 2

_FILE = "A file of any format that is read here"
File = Annotated[Path, typer.Argument(help=_FILE, exists=True, dir_okay=False, readable=True)]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON")]
Encoding = Annotated[str | None, typer.Option(help="Of a text, as an IANA name")]
Delimiter = Annotated[str | None, typer.Option(help=r"Of a text; \t is a tab")]
Quote = Annotated[str | None, typer.Option(help="Of a text; empty: no quoting")]
HeaderRow = Annotated[int | None, typer.Option(help="Line or sheet row of the header, from 1; 0: there is none", min=0)]
Sheet = Annotated[str | None, typer.Option(help="Only this sheet")]
Pages = Annotated[str | None, typer.Option(help="Only these pages, for example 1-3,7")]
Types = Annotated[list[str] | None, typer.Option("--type", help="COLUMN=TYPE, for example id=string; repeatable")]
Names = Annotated[list[str] | None, typer.Option("--name", help="COLUMN=NEW NAME; repeatable")]
Memory = Annotated[str, typer.Option(help="Most memory of the parse, for example 512MB or 1GiB")]
CpuTime = Annotated[float, typer.Option(help="Most processor time of the parse, in seconds", min=0.1)]
Time = Annotated[float, typer.Option(help="Most time of the parse, in seconds", min=0.1)]
MaxOutput = Annotated[str, typer.Option(help="Most bytes that the parse may write, for example 10GB")]


class FileCommand(TyperCommand):
    """A command whose misuse ends with 64: 2 says that a file holds nothing."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Parse the arguments; a usage error gets the exit code of misuse."""
        try:
            return super().make_context(*args, **extra)
        except Exception as error:
            if getattr(error, "exit_code", None) == USAGE_ERROR:
                vars(error)["exit_code"] = MISUSED
            raise


def misused(words: str) -> typer.Exit:
    """Say what is wrong with a call, and return the exit to raise."""
    typer.secho(words, fg="red", err=True)
    return typer.Exit(MISUSED)


def parse_options(types: list[str] | None, names: list[str] | None, **given: Any) -> ParseOptions:
    """Return the options of a parse; raises `typer.Exit` where they make no sense."""
    given["delimiter"] = {"\\t": "\t", "tab": "\t"}.get(given["delimiter"] or "", given["delimiter"])
    try:
        return ParseOptions(types=_pairs(types), names=_pairs(names), **given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise misused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def limits_of(memory: str, cpu_time: float, time: float, max_output: str) -> Limits:
    """Return the limits of a parse; raises `typer.Exit` where a size is none."""
    return Limits(memory_bytes=_bytes(memory), cpu_seconds=cpu_time, wall_seconds=time, output_bytes=_bytes(max_output))


def _pairs(texts: list[str] | None) -> dict[str, str]:
    found = {}
    for text in texts or ():
        name, equals, value = text.rpartition("=")
        if not (name and equals and value):
            raise misused(f"{text!r} is not COLUMN=VALUE")
        found[name] = value
    return found


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise misused(f"{text!r} is no size: write for example 512MB or 1GiB")
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** _PREFIXES.index(prefix.upper() or " "))
