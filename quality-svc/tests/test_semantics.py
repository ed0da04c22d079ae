"""Semantic types, units and personal data, from values and names in several languages."""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faker import Faker

from dataplatform.engine import EngineLimits
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.table import TableProfiler
from quality_svc.semantics.contacts import is_email, is_ip_address, is_phone_shaped, is_url
from quality_svc.semantics.naming import words_of
from quality_svc.semantics.numbers import NATIONAL, is_iban, is_national_id, is_payment_card
from quality_svc.semantics.units import unit_in_name

ROWS = 120


def profiles(data: pa.Table, folder: Path) -> dict[str, ColumnProfile]:
    pq.write_table(data, folder / "table.parquet")
    found = TableProfiler([folder / "table.parquet"], EngineLimits(256 << 20, 1, folder)).columns()
    return {column.name: column for column in found}


Maker = Callable[[Faker, random.Random], Any]
KINDS: dict[str, tuple[tuple[str, ...], Maker, str | None]] = {
    "email": (("mail", "xq"), lambda fake, _: fake.email(), "email"),
    "phone": (("Telefon", "téléphone"), lambda fake, _: fake.phone_number(), "phone"),
    "url": (("site", "xq"), lambda fake, _: fake.url(), None),
    "iban": (("Konto", "xq"), lambda fake, _: fake.iban(), "iban"),
    "postal_code": (("PLZ", "code_postal"), lambda fake, _: fake.postcode(), None),
    "country": (("Land", "xq"), lambda fake, _: fake.country_code(), None),
    "language": (("Sprache", "langue"), lambda _, draw: draw.choice(["de", "en", "fr", "it", "es", "pl"]), None),
    "currency": (("Währung", "xq"), lambda fake, _: fake.currency_code(), None),
    "latitude": (("lat", "Breitengrad"), lambda fake, _: float(fake.latitude()), None),
    "longitude": (("lon", "Längengrad"), lambda fake, _: float(fake.longitude()), None),
    "date_part": (("Jahr", "year"), lambda _, draw: draw.randint(1990, 2020), None),
    "person_name": (("Nachname", "prénom"), lambda fake, _: fake.first_name(), "name"),
    "date_of_birth": (("Geburtsdatum", "fecha_nacimiento"), lambda fake, _: fake.date_of_birth(), "date_of_birth"),
    "address": (("Anschrift", "adresse"), lambda fake, _: fake.street_address(), "address"),
    "uuid": (("xq", "id"), lambda fake, _: fake.uuid4(), None),
    "ip_address": (("xq", "ip"), lambda fake, _: fake.ipv4(), "ip_address"),
    "category": (("Status", "xq"), lambda _, draw: draw.choice(["offen", "geschlossen", "neu"]), None),
    "free_text": (("Bemerkung", "xq"), lambda fake, _: fake.paragraph(), None),
    "flag": (("aktiv", "xq"), lambda _, draw: draw.choice(["ja", "nein"]), None),
    "measure": (("Menge", "xq"), lambda _, draw: draw.gauss(50, 10), None),
    "payment_card": (("credit_card", "xq"), lambda fake, _: fake.credit_card_number("visa16"), "payment_card"),
    "code": (("Artikelcode", "sku"), lambda _, draw: f"AB-{draw.randint(0, 40):03}", None),
}


@pytest.mark.parametrize("locale", ["de_DE", "en_US", "fr_FR"])
def test_values_and_names_tell_what_a_column_is_about(locale: str, tmp_path: Path) -> None:
    fake, draw = Faker(locale), random.Random(4)
    fake.seed_instance(4)
    columns = {
        f"{kind}|{name}": [make(fake, draw) for _ in range(ROWS)]
        for kind, (names, make, _) in KINDS.items()
        for name in names
    }
    names = [key.partition("|")[2] + " " * at for at, key in enumerate(columns)]
    table = pa.table([pa.array(values) for values in columns.values()], names=names)
    found = list(profiles(table, tmp_path).values())
    for column, key in zip(found, columns, strict=True):
        kind = key.partition("|")[0]
        assert column.semantic is not None
        assert (key, column.semantic.type) == (key, kind)
        assert 0 < column.semantic.confidence <= 1
        assert (column.personal.kind if column.personal else None) == KINDS[kind][2]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("id", list(range(1, 101)), "identifier"),
        ("customer_id", [row % 30 for row in range(100)], "identifier"),
        ("価格", [row * 1.5 for row in range(100)], "measure"),
        ("電話番号", [f"03-1234-{row:04}" for row in range(100)], "phone"),
        ("国", ["日本", "中国", "フランス", "ドイツ"] * 25, "country"),
        ("страна", ["Россия", "Германия", "Франция", "Китай"] * 25, "country"),
        ("месяц", ["январь", "февраль", "март", "май"] * 25, "date_part"),
        ("عمر", [row % 60 + 18 for row in range(100)], "measure"),
        ("when", [None, *["2020-01-01"] * 3], "point_in_time"),
    ],
)
def test_columns_of_other_scripts_and_roles(name: str, values: list[Any], kind: str, tmp_path: Path) -> None:
    (column,) = profiles(pa.table({name: values}), tmp_path).values()
    assert column.semantic is not None
    assert column.semantic.type == kind


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x", [f"{row:05}" for row in range(0, 50_000, 500)]),
        ("order", [10_000_000_000 + row * 7 for row in range(100)]),
        ("product name", [f"Chair {row}" for row in range(100)]),
        ("temperature", [row / 3 for row in range(100)]),
        ("y", [float(row) for row in range(-50, 50)]),
        ("date", ["12.03.2020", "13.04.2021", "01.01.2022", "05.06.2023"] * 20),
        ("state", ["CA", "NY", "TX", "WA"] * 25),
    ],
)
def test_what_only_looks_alike_is_no_personal_data(name: str, values: list[Any], tmp_path: Path) -> None:
    (column,) = profiles(pa.table({name: values}), tmp_path).values()
    assert column.personal is None
    assert column.semantic is None or column.semantic.type not in {
        "phone",
        "postal_code",
        "latitude",
        "country",
        "iban",
    }


@pytest.mark.parametrize(
    ("name", "kind", "special"),
    [
        ("Geschlecht", "gender", False),
        ("diagnosis", "health", True),
        ("religion", "belief", True),
        ("ethnicity", "origin", True),
        ("Benutzername", "user_name", False),
        ("password", "credentials", False),
    ],
)
def test_personal_data_are_found_by_the_name_of_the_column(name: str, kind: str, special: bool, tmp_path: Path) -> None:
    (column,) = profiles(pa.table({name: ["a", "b", "c"] * 10}), tmp_path).values()
    assert column.personal is not None
    assert (column.personal.kind, column.personal.special) == (kind, special)


@pytest.mark.parametrize(
    ("name", "symbol", "quantity"),
    [
        ("weight_kg", "kg", "mass"),
        ("Temp (°C)", "°C", "temperature"),
        ("Preis [EUR]", "EUR", "currency"),
        ("Umsatz in €", "EUR", "currency"),
        ("distance_km", "km", "length"),
        ("speed (km/h)", "km/h", "speed"),
        ("area_m2", "m²", "area"),
        ("share_pct", "%", "share"),
        ("Dauer (min)", "min", "time"),
        ("duration_ms", "ms", "time"),
    ],
)
def test_units_in_names(name: str, symbol: str, quantity: str) -> None:
    unit = unit_in_name(name)
    assert unit is not None
    assert (unit.symbol, unit.quantity, unit.source) == (symbol, quantity, "name")


@pytest.mark.parametrize(
    "name", ["id", "class", "user_in", "size_l", "all", "grade (A)", "is_m", "items", "total days off x"]
)
def test_names_without_units(name: str) -> None:
    assert unit_in_name(name) is None


def test_units_in_metadata_and_in_values(tmp_path: Path) -> None:
    fields: list[pa.Field[Any]] = [pa.field("a", pa.float64(), metadata={"unit": "hPa"}), pa.field("b", pa.string())]
    columns: list[pa.Array[Any]] = [pa.array([1.0, 2.5]), pa.array(["12 kg", "7.5 kg"])]
    found = profiles(pa.table(columns, schema=pa.schema(fields)), tmp_path)
    units = {name: column.unit for name, column in found.items()}
    assert units["a"] is not None
    assert (units["a"].symbol, units["a"].quantity, units["a"].source) == ("hPa", "pressure", "metadata")
    assert units["b"] is not None
    assert (units["b"].symbol, units["b"].source) == ("kg", "values")


def test_validators_know_check_digits_and_shapes() -> None:
    assert is_iban("DE89 3704 0044 0532 0130 00")
    assert not is_iban("DE88 3704 0044 0532 0130 00")
    assert is_payment_card("4111 1111 1111 1111")
    assert not is_payment_card("4111111111111112")
    assert is_national_id("RSSMRA85T10A562S", "it.codicefiscale")
    assert not is_national_id("RSSMRA85T10A562T", "it.codicefiscale")
    assert is_email("müller@beispiel.example")
    assert not is_email("a..b@c.de")
    assert is_url("https://a.example/x?y=1")
    assert is_ip_address("2001:db8::1")
    assert not is_ip_address("1.2.3")
    assert is_phone_shaped("+49 (0)30 123456")
    assert not is_phone_shaped("2020-01-01")


def test_every_national_scheme_has_a_validator_and_a_pattern() -> None:
    for scheme, pattern in NATIONAL.items():
        re.compile(pattern)
        assert isinstance(is_national_id("", scheme), bool)


def test_names_become_words() -> None:
    assert words_of("customerEMail_2") == ("customer", "e", "mail")
    assert words_of("N° de téléphone") == ("n", "de", "telephone")
    assert words_of("Größe (cm)") == ("grosse",)


@pytest.mark.parametrize("letter", ["A", "Anna ", "1 ", "a.", "x@"])
def test_long_texts_cost_no_more_than_their_beginnings(letter: str, tmp_path: Path) -> None:
    """Uncut, one text of 20,000 equal letters takes seconds: some patterns take the square of the length."""
    texts = [letter * (20_000 // len(letter)) + str(number) for number in range(40)]
    before = time.process_time()
    profiles(pa.table({"name": texts}), tmp_path)
    assert time.process_time() - before < 3
