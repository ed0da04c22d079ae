"""The options of all commands that read a file; a wrong one ends in exit code 64, never in one of a parse.

    @reads_a_file
    def inspect(file: File, how: HowToRead) -> None: ...

is a command with `HowToRead`'s fields as options, which it is given as one.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final

import pydantic
import typer
from typer.core import TyperCommand

from dataplatform.events.base import ParseOptions
from dataplatform.jobs.sandbox import Limits
from dataplatform_cli.reading import MISUSED, Reading

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


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToRead:
    """How a person wants files read, and what reading one may use: options of a command, as they were given."""

    encoding: Encoding = None
    delimiter: Delimiter = None
    quote: Quote = None
    header_row: HeaderRow = None
    sheet: Sheet = None
    pages: Pages = None
    types: Types = None
    names: Names = None
    memory: Memory = "1GiB"
    cpu_time: CpuTime = 6 * 3600.0
    time: Time = 12 * 3600.0
    max_output: MaxOutput = "64GiB"

    def reading(self, file: Path) -> Reading:
        """Return the reading of a file; raises `typer.Exit` where the options make no sense."""
        limits = Limits(
            memory_bytes=_bytes(self.memory),
            cpu_seconds=self.cpu_time,
            wall_seconds=self.time,
            output_bytes=_bytes(self.max_output),
        )
        return Reading(file, self._options(), limits)

    def _options(self) -> ParseOptions:
        try:
            return ParseOptions(
                encoding=self.encoding,
                delimiter={"\\t": "\t", "tab": "\t"}.get(self.delimiter or "", self.delimiter),
                quote=self.quote,
                header_row=self.header_row,
                sheet=self.sheet,
                pages=self.pages,
                types=_pairs(self.types),
                names=_pairs(self.names),
            )
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise misused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def reads_a_file(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of `HowToRead` as options in place of its parameter `how`.

    Typer makes options of a function's signature and annotations, and of nothing else: both are composed here.
    """
    own = [parameter for parameter in inspect.signature(command).parameters.values() if parameter.name != "how"]
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=field.type,
        )
        for field in fields(HowToRead)
    ]

    @wraps(command)
    def composed(**given: Any) -> None:
        how = HowToRead(**{parameter.name: given.pop(parameter.name) for parameter in shared})
        command(**given, how=how)

    signature = inspect.Signature([*own, *shared])
    composed.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    vars(composed)["__signature__"] = signature
    return composed


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
