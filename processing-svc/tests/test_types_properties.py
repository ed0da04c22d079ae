"""Random values in random spellings are read back equal; random text stays what it is; nothing is lost in silence."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing_svc.text.months import MONTHS
from processing_svc.text.nulls import BLANKS
from processing_svc.text.typing import TextRelation, TypedRead, typed

QUIET = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
CONNECTION = duckdb.connect(config={"threads": "1"})
CONNECTION.execute("SET TimeZone = 'UTC'")


def read(texts: Sequence[str | None]) -> tuple[TypedRead, list[Any]]:
    CONNECTION.register("texts", pa.table({"c0": pa.array(texts, pa.string())}))
    found = typed(TextRelation(CONNECTION, "texts", 1), sampled=False, whole=True)
    table = pa.Table.from_batches(found.batches(), found.schema)
    return found, table.column(0).to_pylist()


def grouped(value: Decimal, group: str, point: str) -> str:
    return f"{value:,f}".replace(",", "\x00").replace(".", point).replace("\x00", group)


STYLES: dict[str, Callable[[Decimal], str]] = {
    "plain": lambda value: f"{value:f}",
    "German": lambda value: grouped(value, ".", ","),
    "English": lambda value: grouped(value, ",", "."),
    "French": lambda value: grouped(value, "\u202f", ","),
    "Swiss": lambda value: grouped(value, "'", "."),
    "euros": lambda value: grouped(value, ".", ",") + " €",
    "dollars": lambda value: f"(${-value:,f})" if value < 0 else f"${value:,f}",
    "percent": lambda value: f"{value:f} %",
    "minus behind": lambda value: f"{-value:,f}-" if value < 0 else f"{value:,f}",
}
# one value shows what the separators mean
DECIMALS = st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=30)


@pytest.mark.parametrize("style", STYLES)
@QUIET
@given(values=DECIMALS)
def test_numbers_in_every_style_come_back_equal(style: str, values: list[Decimal]) -> None:
    everything = [*values, Decimal("1234567.25"), Decimal("-7654321.50")]
    found, back = read([STYLES[style](value) for value in everything])
    assert found.readings[0].kind in {"double", "decimal"}
    assert [Decimal(repr(value)) if isinstance(value, float) else value for value in back] == everything


@QUIET
@given(values=st.lists(st.integers(-(10**37), 10**37), min_size=1, max_size=30))
def test_whole_numbers_of_any_size_come_back_equal(values: list[int]) -> None:
    _, back = read([str(value) for value in values])
    assert [int(value) for value in back] == values


FORMATS = {
    "iso": "%Y-%m-%d", "day first": "%d/%m/%Y", "month first": "%m/%d/%Y", "points": "%d.%m.%Y", "short": "%d.%m.%y",
    "slashes": "%Y/%m/%d",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@QUIET
@given(values=st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), min_size=1, max_size=30))
def test_dates_in_every_order_come_back_equal(form: str, values: list[date]) -> None:
    everything = [*values, date(2024, 12, 31)]
    _, back = read([value.strftime(FORMATS[form]) for value in everything])
    assert back == everything


@pytest.mark.parametrize("language", MONTHS)
@settings(QUIET, max_examples=1)
@given(values=st.lists(st.dates(date(1900, 1, 1), date(2100, 1, 1)), min_size=5, max_size=20))
def test_dates_with_the_names_of_months_come_back_equal(language: str, values: list[date]) -> None:
    everything = [*values, *(date(2024, month, 5) for month in range(1, 13))]
    names = [entry.split()[-1] for entry in MONTHS[language]]
    _, back = read([f"{value.day}. {names[value.month - 1]} {value.year}" for value in everything])
    assert back == everything


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001


@QUIET
@given(values=st.lists(MOMENTS, min_size=1, max_size=30))
def test_moments_come_back_equal(values: list[datetime]) -> None:
    assert read([value.isoformat(sep=" ", timespec="microseconds") for value in values])[1] == values
    seconds = [value.replace(microsecond=0) for value in values]
    assert read([f"{value:%m/%d/%Y %I:%M:%S %p}" for value in [*seconds, datetime(2024, 12, 31)]])[1][:-1] == seconds  # noqa: DTZ001


@QUIET
@given(values=st.lists(st.times(), min_size=1, max_size=20), spans=st.lists(st.timedeltas(timedelta(), timedelta(400))))
def test_times_and_durations_come_back_equal(values: list[time], spans: list[timedelta]) -> None:
    assert read([value.isoformat(timespec="microseconds") for value in values])[1] == values
    whole = [*(timedelta(seconds=int(span.total_seconds())) for span in spans), timedelta(hours=30)]
    texts = [f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
             for seconds in (int(span.total_seconds()) for span in whole)]  # fmt: skip
    assert [timedelta(seconds=float(value)) for value in read(texts)[1]] == whole


ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NEARLY_NUMBERS = st.from_regex(r"[0-9.,/:+() €$%-]{1,9}", fullmatch=True)


@settings(QUIET, max_examples=100)
@given(texts=st.lists(st.none() | ANYTHING | NEARLY_NUMBERS, max_size=15))
def test_what_stays_text_is_verbatim_and_what_does_not_is_accounted_for(texts: list[str | None]) -> None:
    found, back = read(texts)
    if found.readings[0].kind == "empty":
        assert not any((text or "").strip(BLANKS) for text in texts)
        return
    if found.readings[0].kind == "text":
        assert [value or None for value in back] == [text or None for text in texts]
        return
    lost = sum(1 for text, value in zip(texts, back, strict=True) if text and text.strip(BLANKS) and value is None)
    assert lost <= found.casts[0].failed + sum(found.casts[0].spellings.values())
