from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache

import duckdb
import pyarrow as pa
import pytest

from processing_svc.kinds import KINDS
from processing_svc.text.peek import peek
from processing_svc.text.quick import MisfitError, convert
from processing_svc.text.typing import TextRelation, TypedRead, typed

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
    (["nan", "1.5"], "double", [None, 1.5]),
    (["NA", "1", "n/a", "-", "NULL", "", "2"], "integer", [None, 1, None, None, None, None, 2]),
    (["NA", "DE", "FR"], "text", ["NA", "DE", "FR"]),
    (["-", "-"], "text", ["-", "-"]),
    (["1e999", "1.5"], "text", ["1e999", "1.5"]),
    (["9007199254740993", "0.5"], "decimal", [Decimal(9007199254740993), Decimal("0.5")]),
    (["0.12345678901234567890", "1"], "decimal", [Decimal("0.12345678901234567890"), Decimal(1)]),
    (["5.1125050251162065", "0.00009344424144330787"], "double", [5.1125050251162065, 9.344424144330787e-05]),
    (["0.10000000000000001", "1.5"], "double", [0.1, 1.5]),
    (["true", "FALSE", None], "boolean", [True, False, None]),
    (["yes", "no", "Yes"], "boolean", [True, False, True]),
    (["t", "f"], "boolean", [True, False]),
    (["ja", "nein", None], "boolean", [True, False, None]),
    (["Oui", "NON"], "boolean", [True, False]),
    (["sí", "no"], "boolean", [True, False]),
    (["да", "нет"], "boolean", [True, False]),
    (["no", "no"], "text", ["no", "no"]),
    (["yes", "no", "maybe"], "text", ["yes", "no", "maybe"]),
    (["0", "1"], "integer", [0, 1]),
    (["2020-02-29", None], "date", [date(2020, 2, 29), None]),
    (["2020-02-30", None], "text", ["2020-02-30", None]),
    (["20200105"], "integer", [20200105]),
    (["13/02/2020", "1/2/2020"], "date_day_first", [date(2020, 2, 13), date(2020, 2, 1)]),
    (["02/13/2020", "1/2/2020"], "date_month_first", [date(2020, 2, 13), date(2020, 1, 2)]),
    (["1/2/2020", "03/04/2021"], "text", ["1/2/2020", "03/04/2021"]),
    (["1.2.2020", "31.12.1999"], "date_day_first", [date(2020, 2, 1), date(1999, 12, 31)]),
    (["2020/1/5"], "date_year_first", [date(2020, 1, 5)]),
    (["2020-01-05 10:00:00", "2020-01-05T10:00"], "timestamp", [MOMENT] * 2),
    (["2020-01-05 10:00:00.123456"], "timestamp", [MOMENT.replace(microsecond=123456)]),
    (["2020-01-05 10:00+02", "2020-01-05T10:00:00"], "text", ["2020-01-05 10:00+02", "2020-01-05T10:00:00"]),
    (["2020-01-05", "2020-01-05 10:00"], "text", ["2020-01-05", "2020-01-05 10:00"]),
    (["10:00", "23:59:59.5"], "time", [time(10), time(23, 59, 59, 500000)]),
    (["24:00"], "text", ["24:00"]),
    ([" 1", "2 ", "  "], "integer", [1, 2, None]),
    ([" a", "b "], "text", [" a", "b "]),
    (["=1+1", "-x", "@a"], "text", ["=1+1", "-x", "@a"]),
    ([None, None], "empty", [None, None]),
    (["1,5", "-0,25", "2"], "double", [1.5, -0.25, 2.0]),
    (["1.234,50", "12,00", "-1.234.567,89"], "double", [1234.5, 12.0, -1234567.89]),
    (["1,234.50", "12.00"], "double", [1234.5, 12.0]),
    (["1,234", "12,345,678"], "integer", [1234, 12345678]),
    (["1,234", "567", "12"], "integer", [1234, 567, 12]),
    (["1,234", "5,678"], "text", ["1,234", "5,678"]),
    (["1,234", "0,5"], "double", [1.234, 0.5]),
    (["1.234", "567", "12.345"], "integer", [1234, 567, 12345]),
    (["1.234", "5.678"], "double", [1.234, 5.678]),
    (["1 234,5", "2\u202f345\u00a0678"], "double", [1234.5, 2345678.0]),
    (["1'234.50", "2\u2019000"], "double", [1234.5, 2000.0]),
    (["12,34,567", "1,234"], "integer", [1234567, 1234]),
    (["9.223.372.036.854.775.808", "1.000"], "wide_integer", [Decimal(2**63), Decimal(1000)]),
    (["€ 1.234,50", "€ 3,00"], "double", [1234.5, 3.0]),
    (["5 EUR", "-7 EUR"], "integer", [5, -7]),
    (["$1,234.50", "-$3.00", "($2.50)"], "double", [1234.5, -3.0, -2.5]),
    (["$5", "€5"], "text", ["$5", "€5"]),
    (["12%", "3.5 %"], "double", [12.0, 3.5]),
    (["12 kg", "3,5 kg"], "double", [12.0, 3.5]),
    (["12A", "3B"], "text", ["12A", "3B"]),
    (["(1,234)", "5", "(17)"], "integer", [-1234, 5, -17]),
    (["12-", "5"], "integer", [-12, 5]),
    (["\u221212", "5"], "integer", [-12, 5]),
    (["1,5E3", "2,0"], "double", [1500.0, 2.0]),
    (["030 123456", "040 654321"], "text", ["030 123456", "040 654321"]),
    (["555 123 456", "555 765 432"], "text", ["555 123 456", "555 765 432"]),
    (["555-123-4567", "555-765-4321"], "text", ["555-123-4567", "555-765-4321"]),
    (["192.168.1.1", "10.0.0.1"], "text", ["192.168.1.1", "10.0.0.1"]),
    (["DE89370400440532013000"], "text", ["DE89370400440532013000"]),
    (["1" * 24, "2" * 24], "text", ["1" * 24, "2" * 24]),
    (["13/02/20", "01/03/99"], "date_day_first", [date(2020, 2, 13), date(1999, 3, 1)]),
    (["02/13/20", "01/03/68"], "date_month_first", [date(2020, 2, 13), date(2068, 1, 3)]),
    (["01/02/03", "04/05/06"], "text", ["01/02/03", "04/05/06"]),
    (["31.12.99", "1.1.00"], "date_day_first", [date(1999, 12, 31), date(2000, 1, 1)]),
    (
        ["13/02/2020 10:00", "1/2/2020 9:05"],
        "timestamp_day_first",
        [MOMENT.replace(month=2, day=13), datetime.fromisoformat("2020-02-01T09:05:00")],
    ),
    (
        ["2/13/2020 1:05 PM", "12/31/2020 12:00 AM"],
        "timestamp_month_first",
        [datetime.fromisoformat("2020-02-13T13:05:00"), datetime.fromisoformat("2020-12-31T00:00:00")],
    ),
    (["5 January 2020", "1. Feb 2021"], "date_month_name", [date(2020, 1, 5), date(2021, 2, 1)]),
    (["January 5, 2020", "Feb 1st, 2021"], "date_month_name", [date(2020, 1, 5), date(2021, 2, 1)]),
    (["5. März 2020", "31. Dezember 2021"], "date_month_name", [date(2020, 3, 5), date(2021, 12, 31)]),
    (["5 août 2020", "1er déc. 2021"], "date_month_name", [date(2020, 8, 5), date(2021, 12, 1)]),
    (["5 de enero de 2020"], "date_month_name", [date(2020, 1, 5)]),
    (["5 stycznia 2020", "3 maja 2021"], "date_month_name", [date(2020, 1, 5), date(2021, 5, 3)]),
    (["5 января 2020"], "date_month_name", [date(2020, 1, 5)]),
    (["2020. január 5."], "date_month_name", [date(2020, 1, 5)]),
    (["05-Jan-2020", "06-FEB-21"], "date_month_name", [date(2020, 1, 5), date(2021, 2, 6)]),
    (
        ["Mon, 6 Jan 2020 10:00:00", "Tue, 7 Jan 2020 11:00:00"],
        "timestamp_month_name",
        [datetime.fromisoformat("2020-01-06T10:00:00"), datetime.fromisoformat("2020-01-07T11:00:00")],
    ),
    (["31 Feb 2020"], "text", ["31 Feb 2020"]),
    (["May 12", "June 3"], "text", ["May 12", "June 3"]),
    (["9:30", "10:15"], "time", [time(9, 30), time(10, 15)]),
    (["9:30 AM", "1:15 pm"], "time", [time(9, 30), time(13, 15)]),
    (["36:15:00", "0:00:30"], "duration", [Decimal(130500), Decimal(30)]),
    (["PT1H30M", "P1DT2S"], "duration", [Decimal(5400), Decimal(86402)]),
    (["1577836800", "1577836801"], "integer", [1577836800, 1577836801]),
]


def test_what_is_rare_and_does_not_fit_is_kept_apart_and_shown() -> None:
    values = [str(number) for number in range(3000)]
    values[1500] = "about 7"
    values[10] = "n/a"
    read, table = _read(values, whole=True)
    assert table.schema.field(0).type == pa.int64()
    assert table.column(0).null_count == 2
    assert (read.casts[0].failed, read.casts[0].samples) == (1, [(1501, "about 7")])
    assert read.casts[0].spellings == {"n/a": 1}


@pytest.mark.parametrize("bad", [["about 7"] * 3, ["007"], ["+49301234567"]])
def test_what_is_not_rare_or_is_an_identifier_keeps_the_column_text(bad: list[str]) -> None:
    values = [*(str(number) for number in range(2000)), *bad]
    read, table = _read(values, whole=True)
    assert read.readings[0].kind == "text"
    assert table.column(0).to_pylist() == values


def test_the_order_of_day_and_month_is_that_of_the_other_columns_where_they_agree() -> None:
    source = pa.table({"c0": ["1/2/2020", "3/4/2020"], "c1": ["13/2/2020", "1/1/2020"], "c2": ["1,234", "5,678"],
                       "c3": ["1,5", "2,25"], "c4": ["1.234", "5.678"]})  # fmt: skip
    with duckdb.connect() as connection:
        connection.register("source", source)
        read = typed(TextRelation(connection, "source", 5), sampled=False, whole=False)
        table = pa.Table.from_batches(read.batches(), read.schema)
    assert table.column("c0").to_pylist() == [date(2020, 2, 1), date(2020, 4, 3)]
    assert table.column("c2").to_pylist() == [1.234, 5.678]
    assert table.column("c4").to_pylist() == [1234, 5678]
    assert [reading.note for reading in read.readings] == [
        "day_month_by_other_columns", None, "separator_by_other_columns", None, "separator_by_other_columns",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["zip", "PLZ", "Postal Code", "phone_number", "zipCode"])
def test_what_a_name_calls_an_identifier_stays_text(name: str) -> None:
    with duckdb.connect() as connection:
        connection.register("source", pa.table({"c0": ["90210", "10115"]}))
        read = typed(TextRelation(connection, "source", 1), sampled=False, whole=False, names=[name])
    assert (read.readings[0].kind, read.readings[0].note) == ("text", "identifier")


def test_a_unit_in_the_values_is_named() -> None:
    read, _ = _read(["1.234,50 €", "3,00 €"], whole=False)
    assert (read.readings[0].unit, read.readings[0].format) == ("EUR", "1.234,5 €")


def test_a_kind_that_only_later_values_show_is_found() -> None:
    values = [str(number % 1000) for number in range(500)] + ["1,234,567", "12,000"]
    _, table = _read(values, whole=True)
    assert table.schema.field(0).type == pa.int64()
    assert table.column(0)[-2].as_py() == 1234567


ODDITIES = [
    "0", "-0", "00", "-00", "007", "-007", "+5", " 5", "5 ", "0x10", "-0x10", "1_000", "1e5", "1.0",
    "9223372036854775808", "-9223372036854775808", "+1.5", "01.5", "-01.5", "-0.5", "0.5", ".5", "5.", "nan", "inf",
    "-inf", "1e999", "1,5", "9007199254740993", "9007199254740993.0", "0.10000000000000001", "0.00009344424144330787",
    "9.344424144330787e-05", "123456.1000000000", "1.2345678901234567E-5", "123456789012345678", "2020-01-05",
    "2020-1-5", "2020-02-30", "2020-01-05 10", "2020-01-05 10:00", "2020-01-05T10:00:00", "2020-01-05 10:00:00.1",
    "2020-01-05 10:00:00.1234567", "2020-01-05 10:00:00Z", "2020-01-05 10:00+02", "2020-01-05 24:00:00", "true",
    "TRUE", "True", "t", "1", "yes", "", "é",
]  # fmt: skip


def _read(values: Sequence[str | None], *, whole: bool) -> tuple[TypedRead, pa.Table]:
    connection = _connection()
    connection.register("source", pa.table({"c0": pa.array(values, pa.string())}))
    read = typed(TextRelation(connection, "source", 1), sampled=False, whole=whole)
    return read, pa.Table.from_batches(read.batches(), read.schema)


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _typed(values: list[str | None], *, whole: bool) -> tuple[str, pa.Table]:
    read, table = _read(values, whole=whole)
    return read.readings[0].kind, table


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
    with nullcontext(_connection()) as connection:
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
