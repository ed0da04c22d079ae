"""A profile in words and small bars for a terminal. Nothing is measured here."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from dataplatform_cli.showing import plain

SHOWN_COLUMNS: Final = 200
SHOWN_VALUES: Final = 3
VALUE_CHARACTERS: Final = 24
BARS: Final = "▁▂▃▄▅▆▇█"
TEMPORAL: Final = frozenset({"date", "timestamp", "time"})
DAY_SECONDS: Final = 86_400
_SMALL: Final = 0.001
_LARGE: Final = 1e7


def show_profile(document: Path) -> None:
    """Print the profile document at a path."""
    profile = json.loads(document.read_text("utf-8"))
    for table in profile["tables"]:
        typer.echo(f"table {table['index']} {plain(table['name'])!r}: "
                   f"{table['row_count']:,} rows, {table['column_count']:,} columns")  # fmt: skip
        for column in table["columns"][:SHOWN_COLUMNS]:
            _show_column(column, table["row_count"])
        hidden = len(table["columns"]) - SHOWN_COLUMNS
        if hidden > 0:
            typer.echo(f"  ... and {hidden:,} more; --json has them all")


def _show_column(column: Mapping[str, Any], rows: int) -> None:
    typer.secho(f"  {plain(column['name']) or '(no name)'}", bold=True, nl=False)
    typer.echo(f"  {column['type']}{_meaning(column)}")
    for line in (_counts(column, rows), _numbers(column), _histogram(column), _frequent(column), _patterns(column)):
        if line:
            typer.echo(f"      {line}")


def _meaning(column: Mapping[str, Any]) -> str:
    words = []
    if semantic := column.get("semantic"):
        detail = f" ({semantic['detail']})" if semantic.get("detail") else ""
        words.append(f"{semantic['type'].replace('_', ' ')}{detail}, sure {semantic['confidence']:.0%}")
    if unit := column.get("unit"):
        words.append(f"in {plain(unit['symbol'])}")
    if personal := column.get("personal"):
        words.append(f"PERSONAL DATA: {personal['kind'].replace('_', ' ')}")
    return "".join(f"  · {word}" for word in words)


def _counts(column: Mapping[str, Any], rows: int) -> str:
    words = [f"{column['nulls']:,} null ({_share(column['nulls'], rows)})" if column["nulls"] else "no nulls"]
    words += [f"{column[name]:,} {what}"
        for name, what in (("blanks", "blank"), ("nan", "NaN"), ("infinite", "infinite"))
              if column.get(name)]  # fmt: skip
    if distinct := column.get("distinct"):
        error = f" ±{2 * distinct['relative_error']:.1%}" if not distinct["exact"] else ""
        words.append(f"{distinct['value']:,}{error} distinct")
    if (lengths := column.get("lengths")) is not None:
        words.append(f"{lengths['min']:,} to {lengths['max']:,} {lengths['unit']}, mean {lengths['mean']:.1f}")
    return ", ".join(words)


def _numbers(column: Mapping[str, Any]) -> str:
    if column["kind"] in {"text", "boolean"} or column.get("min") is None:
        return ""
    words = [f"{_cell(column['min'])} to {_cell(column['max'])}"]
    if quantiles := column.get("quantiles"):
        middle = {quantile["p"]: quantile["value"] for quantile in quantiles["values"]}
        error = "" if quantiles["exact"] else f" (ranks ±{quantiles['rank_error']:.2%})"
        words.append(f"quartiles {_cell(middle[0.25])} | {_cell(middle[0.5])} | {_cell(middle[0.75])}{error}")
    words += [f"{name} {_cell(column[name])}" for name in ("mean", "skew") if column.get(name) is not None]
    if (sd := column.get("sd")) is not None:
        words.insert(-1, f"sd {_cell(sd)}" if column["kind"] not in TEMPORAL else f"sd {_cell(sd / DAY_SECONDS)} days")
    return ", ".join(words)


def _histogram(column: Mapping[str, Any]) -> str:
    histogram = column.get("histogram")
    if not histogram:
        return ""
    bins = "log scale" if histogram["scale"] == "log" else f"bins of {histogram['step']}"
    note = "" if histogram["exact"] else f", of {histogram['basis']:,} sampled"
    first, last = histogram["edges"][0], histogram["edges"][-1]
    return f"{_cell(first)} {bars(histogram['counts'])} {_cell(last)}  ({bins}{note})"


def bars(counts: Sequence[int]) -> str:
    """Return counts as a line of bars; what is there but small stays visible."""
    most = max(counts, default=0)
    return "".join(" " if not count else BARS[-(-count * len(BARS) // most) - 1] for count in counts)


def _frequent(column: Mapping[str, Any]) -> str:
    top = column.get("top")
    if not top or top["values"][0]["count"] == 1:
        return ""
    words = [
        f"{_cell(value['value'])} {_share(value['count'], top['basis'])}" for value in top["values"][:SHOWN_VALUES]
    ]
    note = "" if top["exact"] else f" (±{top['share_error']:.1%})"
    return f"often {' · '.join(words)}{note}"


def _patterns(column: Mapping[str, Any]) -> str:
    patterns = column.get("patterns")
    if not patterns or column.get("semantic", {}).get("type") == "free_text":
        return ""
    words = [f"{plain(found['pattern'])} {_share(found['count'], patterns['basis'])}"
             for found in patterns["values"][:SHOWN_VALUES]]  # fmt: skip
    more = patterns["distinct"] - len(words)
    return f"written {' · '.join(words)}" + (f" · {more:,} others" if more > 0 else "")


def _share(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}" if share >= _SMALL else "<0.1%"  # noqa: PLR2004


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10_000 else f"{value:,}"  # noqa: PLR2004 - years
    if isinstance(value, float):
        return f"{value:,.4g}" if _SMALL <= abs(value) < _LARGE else f"{value:.4g}"
    text = plain(str(value))
    return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 1] + "…"
