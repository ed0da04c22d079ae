from datetime import date, datetime, time
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from processing_svc.kinds import KINDS
from processing_svc.text.peek import peek
from processing_svc.text.quick import MisfitError, convert
from processing_svc.text.typing import TextRelation, typed

MOMENT = datetime.fromisoformat("2020-01-05T10:00:00")

COLUMNS: list[tuple[list[str | None], str, list[object]]] = [
    (["1", "-2", None], "integer", [1, -2, None]),
    (["9223372036854775807", "-9223372036854775808", "0"], "integer", [2**63 - 1, -(2**63), 0]),
    (["9223372036854775808", "1"], "wide_integer", [Decimal(2**63), Decimal(1)]),
    (["9" * 39, "1"], "text", ["9" * 39, "1"]),
    (["01", "2"], "text", ["01", "2"]),
    (["-01", "2"], "text", ["-01", "2"]),
    (["0164A", "1"], "text", ["0164A", "1"]),
    (["+4930123456", "30"], "text", ["+4930123456", "30"]),
    (["1_000", "2"], "text", ["1_000", "2"]),
    (["0x10", "2"], "text", ["0x10", "2"]),
    (["1.5", "2", ".25", "-0.5"], "double", [1.5, 2.0, 0.25, -0.5]),
    (["1e5", "2.5E-3"], "double", [1e5, 2.5e-3]),
    (["01.5", "2"], "text", ["01.5", "2"]),
    (["nan", "1.5"], "text", ["nan", "1.5"]),
    (["1e999", "1.5"], "text", ["1e999", "1.5"]),
    (["9007199254740993", "0.5"], "decimal", [Decimal(9007199254740993), Decimal("0.5")]),
    (["0.12345678901234567890", "1"], "decimal", [Decimal("0.12345678901234567890"), Decimal(1)]),
    (["5.1125050251162065", "0.00009344424144330787"], "double", [5.1125050251162065, 9.344424144330787e-05]),
    (["0.10000000000000001", "1.5"], "double", [0.1, 1.5]),
    (["true", "FALSE", None], "boolean", [True, False, None]),
    (["yes", "no"], "text", ["yes", "no"]),
    (["t", "f"], "text", ["t", "f"]),
    (["2020-02-29", None], "date", [date(2020, 2, 29), None]),
    (["2020-02-30", None], "text", ["2020-02-30", None]),
    (["20200105"], "integer", [20200105]),
    (["13/02/2020", "1/2/2020"], "date_day_first", [date(2020, 2, 13), date(2020, 2, 1)]),
    (["02/13/2020", "1/2/2020"], "date_month_first", [date(2020, 2, 13), date(2020, 1, 2)]),
    (["1/2/2020", "03/04/2021"], "text", ["1/2/2020", "03/04/2021"]),
    (["1.2.2020", "31.12.1999"], "date_day_first_dotted", [date(2020, 2, 1), date(1999, 12, 31)]),
    (["2020/1/5"], "date_year_first", [date(2020, 1, 5)]),
    (["2020-01-05 10:00:00", "2020-01-05T10:00"], "timestamp", [MOMENT] * 2),
    (["2020-01-05 10:00:00.123456"], "timestamp", [MOMENT.replace(microsecond=123456)]),
    (["2020-01-05 10:00:00.123456789"], "text", ["2020-01-05 10:00:00.123456789"]),
    (["2020-01-05 10:00+02", "2020-01-05T10:00:00"], "text", ["2020-01-05 10:00+02", "2020-01-05T10:00:00"]),
    (["2020-01-05", "2020-01-05 10:00"], "text", ["2020-01-05", "2020-01-05 10:00"]),
    (["10:00", "23:59:59.5"], "time", [time(10), time(23, 59, 59, 500000)]),
    (["24:00"], "text", ["24:00"]),
    ([" 1", "2 ", "  "], "integer", [1, 2, None]),
    ([" a", "b "], "text", [" a", "b "]),
    (["=1+1", "-x", "@a"], "text", ["=1+1", "-x", "@a"]),
    ([None, None], "empty", [None, None]),
]


ODDITIES = [
    "0", "-0", "00", "-00", "007", "-007", "+5", " 5", "5 ", "0x10", "-0x10", "1_000", "1e5", "1.0",
    "9223372036854775808", "-9223372036854775808", "+1.5", "01.5", "-01.5", "-0.5", "0.5", ".5", "5.", "nan", "inf",
    "-inf", "1e999", "1,5", "9007199254740993", "9007199254740993.0", "0.10000000000000001", "0.00009344424144330787",
    "9.344424144330787e-05", "123456.1000000000", "1.2345678901234567E-5", "123456789012345678", "2020-01-05",
    "2020-1-5", "2020-02-30", "2020-01-05 10", "2020-01-05 10:00", "2020-01-05T10:00:00", "2020-01-05 10:00:00.1",
    "2020-01-05 10:00:00.1234567", "2020-01-05 10:00:00Z", "2020-01-05 10:00+02", "2020-01-05 24:00:00", "true",
    "TRUE", "True", "t", "1", "yes", "", "é",
]  # fmt: skip


def _typed(values: list[str | None], *, whole: bool) -> tuple[str, pa.Table]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("source", pa.table({"c0": pa.array(values, pa.string())}))
        read = typed(TextRelation(connection, "source", 1), sampled=False, whole=whole)
        return read.readings[0].kind, pa.Table.from_batches(read.batches(), read.schema)


@pytest.mark.parametrize(("values", "kind", "expected"), COLUMNS, ids=lambda value: str(value)[:40])
def test_a_column_of_text_becomes_values_without_loss(
    values: list[str | None], kind: str, expected: list[object]
) -> None:
    found, table = _typed(values, whole=True)
    assert found == kind
    got = table.column(0).to_pylist()
    assert [Decimal(item) if isinstance(item, Decimal) else item for item in got] == expected


@pytest.mark.parametrize(("values", "kind", "expected"), COLUMNS, ids=lambda value: str(value)[:40])
def test_the_proposal_of_a_few_rows_never_rules_out_what_the_whole_column_is(
    values: list[str | None], kind: str, expected: list[object]
) -> None:
    possible = {item.name for item in peek([[value] for value in values], 1)[0].kinds}
    assert kind in {"text", "empty"} or kind in possible


@pytest.mark.parametrize(("values", "kind", "expected"), COLUMNS, ids=lambda value: str(value)[:40])
def test_the_quick_conversion_agrees_with_the_sql_or_calls_for_it(
    values: list[str | None], kind: str, expected: list[object]
) -> None:
    try:
        found, table = _typed(values, whole=False)
    except MisfitError:
        return
    if found != "text":
        assert found == kind
    assert table.column(0).to_pylist() == expected


@pytest.mark.parametrize("kind", ["integer", "double", "date", "timestamp", "boolean"])
@pytest.mark.parametrize("text", ODDITIES)
def test_the_quick_conversion_accepts_nothing_that_the_sql_refuses(kind: str, text: str) -> None:
    (sql,) = [item for item in KINDS if item.name == kind]
    try:
        quick = convert(kind, pa.array([text, None], pa.string()))
    except (MisfitError, pa.ArrowInvalid):
        return
    with duckdb.connect() as connection:
        row = connection.execute(
            f"SELECT {sql.accepts.replace('@', 'c')}, {sql.converts.replace('@', 'c')} FROM (SELECT ? AS c)", [text]
        ).fetchone()
    assert row is not None
    assert row[0] is True
    assert quick.to_pylist() == [row[1], None]


def test_moments_with_a_zone_are_kept_as_instants_in_utc() -> None:
    kind, table = _typed(["2020-01-05 10:00:00+02:00", "2020-01-05T10:00:00Z"], whole=True)
    assert kind == "timestamp_with_zone"
    assert table.schema.field(0).type == pa.timestamp("us", "UTC")
    assert [item.hour for item in table.column(0).to_pylist() if item] == [8, 10]


def test_duckdb_itself_rounds_in_silence_which_is_why_its_typed_reading_is_not_used(tmp_path: object) -> None:
    with duckdb.connect() as connection:
        row = connection.execute("SELECT '1.5'::BIGINT, '007'::BIGINT, '1_0'::BIGINT").fetchone()
    assert row == (2, 7, 10)


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
