"""Clean synthetic tables of several domains, and known errors put into them: what cell detectors are measured on.

Every table is a list of columns of text, as a CSV would have it. Every injector changes one cell and only where the
column is of its kind, so that the clean table is the truth. Nothing here knows the detectors.
"""

import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from faker import Faker

Table = dict[str, list[str]]
Cells = set[tuple[int, str]]
Injector = Callable[[random.Random, str, list[str]], str]


def people(rng: random.Random, rows: int) -> Table:
    """Tax payers: names decide gender, postal codes city and state, states the rate."""
    fake = Faker(["en_US"])
    fake.seed_instance(rng.randrange(10**6))
    states = [fake.unique.state_abbr(include_territories=False) for _ in range(20)]
    places = [(fake.unique.postcode(), fake.city().upper(), rng.choice(states)) for _ in range(rows // 12)]
    names = [(fake.unique.first_name_female(), "F") for _ in range(80)] + [
        (fake.unique.first_name_male(), "M") for _ in range(80)
    ]
    rates = {state: f"{rng.randrange(20, 90) / 10:.1f}" for state in states}
    table: Table = {
        name: []
        for name in ("first_name", "last_name", "gender", "zip", "city", "state", "marital", "child", "salary", "rate")
    }
    for _ in range(rows):
        first, gender = rng.choice(names)
        code, city, state = rng.choice(places)
        row = (
            first,
            fake.last_name(),
            gender,
            code,
            city,
            state,
            rng.choice("SM"),
            rng.choice("YN"),
            str(int(rng.lognormvariate(10.7, 0.5)) // 100 * 100),
            rates[state],
        )
        for name, cell in zip(table, row, strict=True):
            table[name].append(cell)
    return table


def orders(rng: random.Random, rows: int) -> Table:
    """Order lines: product decides name, category and price; total = quantity * price; shipped after ordered."""
    fake = Faker(["en_US"])
    fake.seed_instance(rng.randrange(10**6))
    groups = ["Office Supplies", "Furniture", "Technology", "Kitchen", "Garden"]
    products = [
        (
            f"{rng.choice('ABCD')}{rng.randrange(100, 999)}-{n:03}",
            f"{fake.color_name()} {fake.word().title()}",
            rng.choice(groups),
            round(rng.lognormvariate(3, 0.8), 2),
        )
        for n in range(rows // 15)
    ]
    table: Table = {
        name: []
        for name in (
            "order_id",
            "customer",
            "email",
            "sku",
            "product",
            "category",
            "quantity",
            "unit_price",
            "total",
            "ordered",
            "shipped",
            "country",
        )
    }
    people_ = [(fake.name(), fake.email()) for _ in range(rows // 6)]
    for number in range(rows):
        sku, name, group, price = rng.choice(products)
        who, mail = rng.choice(people_)
        quantity = rng.randrange(1, 20)
        day = 737_000 + rng.randrange(700)
        row = (
            str(10_000 + number),
            who,
            mail,
            sku,
            name,
            group,
            str(quantity),
            f"{price:.2f}",
            f"{price * quantity:.2f}",
            _day(day),
            _day(day + rng.randrange(0, 9)),
            rng.choice(["Germany", "France", "Spain", "Italy", "Poland", "Sweden"]),
        )
        for column, cell in zip(table, row, strict=True):
            table[column].append(cell)
    return table


def drinks(rng: random.Random, rows: int) -> Table:
    """Products of makers: many bare numbers, free names, a maker's id decides its name, city and state."""
    fake = Faker(["en_US"])
    fake.seed_instance(rng.randrange(10**6))
    makers = [
        (
            str(n),
            f"{fake.last_name()} {rng.choice(['Brewing Company', 'Brewery', 'Brewing Co.', 'Beer Works'])}",
            fake.city(),
            fake.state_abbr(include_territories=False),
        )
        for n in range(rows // 6)
    ]
    styles = [
        "American IPA",
        "American Pale Ale (APA)",
        "American Amber / Red Ale",
        "American Blonde Ale",
        "Oatmeal Stout",
        "Hefeweizen",
        "Witbier",
        "Kolsch",
        "Saison / Farmhouse Ale",
        "Cider",
    ]
    table: Table = {
        name: [] for name in ("id", "name", "style", "ounces", "abv", "ibu", "maker_id", "maker", "city", "state")
    }
    for number in range(rows):
        maker = rng.choice(makers)
        row = (
            str(number + 1),
            " ".join(fake.words(rng.randrange(1, 4))).title(),
            rng.choice(styles),
            rng.choice(["12.0", "16.0", "12.0", "24.0", "8.4"]),
            f"0.0{rng.randrange(35, 99)}",
            "" if rng.random() < 0.3 else str(rng.randrange(5, 110)),
            *maker,
        )
        for column, cell in zip(table, row, strict=True):
            table[column].append(cell)
    return table


def articles(rng: random.Random, rows: int) -> Table:
    """Articles of journals: long free titles, journal decides abbreviation and ISSN, dates and page ranges as text."""
    fake = Faker(["en_US"])
    fake.seed_instance(rng.randrange(10**6))
    kinds = ["Journal of", "Annals of", "Archives of", "International Journal of"]
    journals = [
        (
            f"{rng.choice(kinds)} {fake.unique.job().title()}",
            f"{rng.randrange(1000, 9999)}-{rng.randrange(1000, 9999)}",
        )
        for _ in range(rows // 10)
    ]
    table: Table = {
        name: []
        for name in ("id", "title", "language", "journal", "issn", "volume", "issue", "created", "pages", "authors")
    }
    for number in range(rows):
        journal, issn = rng.choice(journals)
        first = rng.randrange(1, 900)
        row = (
            str(number),
            fake.sentence(10),
            rng.choices(["eng", "ger", "fre", "spa"], [0.9, 0.04, 0.03, 0.03])[0],
            journal,
            issn,
            str(rng.randrange(1, 80)),
            str(rng.randrange(1, 13)),
            f"{rng.randrange(1, 13)}/{rng.randrange(1, 29)}/{rng.randrange(10, 20)}",
            f"{first}-{first + rng.randrange(3, 20)}",
            ", ".join(fake.name() for _ in range(rng.randrange(1, 5))),
        )
        for column, cell in zip(table, row, strict=True):
            table[column].append(cell)
    return table


def films(rng: random.Random, rows: int) -> Table:
    """Films: durations with a unit, ratings, counts, free descriptions; hardly any dependency."""
    fake = Faker(["en_US"])
    fake.seed_instance(rng.randrange(10**6))
    table: Table = {
        name: []
        for name in (
            "id",
            "name",
            "year",
            "director",
            "language",
            "country",
            "duration",
            "rating",
            "votes",
            "genre",
            "description",
        )
    }
    directors = [fake.name() for _ in range(rows // 5)]
    genres = ["Drama", "Comedy", "Action", "Thriller", "Romance", "Horror", "Adventure", "Crime"]
    for number in range(rows):
        row = (
            f"tt{number:07}",
            fake.sentence(3).rstrip("."),
            str(rng.randrange(1960, 2020)),
            rng.choice(directors),
            rng.choices(["English", "French", "Hindi", "Spanish", "German"], [0.7, 0.1, 0.1, 0.05, 0.05])[0],
            rng.choices(["USA", "UK", "France", "India", "Germany"], [0.6, 0.15, 0.1, 0.1, 0.05])[0],
            f"{int(rng.gauss(105, 18))} min",
            f"{min(9.6, max(1.5, rng.gauss(6.4, 1.1))):.1f}",
            f"{int(rng.lognormvariate(9, 1.6)):,}",
            ",".join(rng.sample(genres, rng.randrange(1, 4))),
            fake.paragraph(2),
        )
        for column, cell in zip(table, row, strict=True):
            table[column].append(cell)
    return table


def inspections(rng: random.Random, rows: int) -> Table:
    """Inspections of places: the place decides name, address, kind, risk; dates, results."""
    fake = Faker(["en_US"])
    fake.seed_instance(rng.randrange(10**6))
    kinds = ["Restaurant", "Grocery Store", "School", "Bakery", "Daycare", "Hospital", "Catering"]
    places = [
        (
            str(rng.randrange(10**6, 3 * 10**6)),
            fake.company().upper(),
            rng.choice(kinds),
            rng.choice(["Risk 1 (High)", "Risk 2 (Medium)", "Risk 3 (Low)"]),
            fake.street_address().upper(),
            "CHICAGO",
            "IL",
            f"606{rng.randrange(1, 60):02}",
        )
        for _ in range(rows // 7)
    ]
    table: Table = {
        name: []
        for name in (
            "inspection",
            "license",
            "name",
            "kind",
            "risk",
            "address",
            "city",
            "state",
            "zip",
            "date",
            "type",
            "result",
        )
    }
    for number in range(rows):
        row = (
            str(2_000_000 + number * 3),
            *rng.choice(places),
            _day(737_000 + rng.randrange(2000)),
            rng.choice(["Canvass", "Complaint", "License", "Canvass Re-Inspection"]),
            rng.choices(["Pass", "Fail", "Pass w/ Conditions", "No Entry"], [0.6, 0.2, 0.15, 0.05])[0],
        )
        for column, cell in zip(table, row, strict=True):
            table[column].append(cell)
    return table


def _day(ordinal: int) -> str:
    import datetime as dt  # noqa: PLC0415

    return dt.date.fromordinal(ordinal).isoformat()


def typo(rng: random.Random, cell: str, column: list[str]) -> str:
    """Strike one wrong key."""
    del column
    letters = [place for place, char in enumerate(cell) if char.isalpha()]
    if not letters:
        return cell
    place = rng.choice(letters)
    stroke = rng.randrange(4)
    other = rng.choice(string.ascii_lowercase)
    other = other.upper() if cell[place].isupper() else other
    if stroke == 0:
        return cell[:place] + other + cell[place + 1 :]
    if stroke == 1:
        return cell[:place] + other + cell[place:]
    if stroke == 2:
        return cell[:place] + cell[place + 1 :]
    return cell[:place] + cell[place : place + 2][::-1] + cell[place + 2 :]


def replaced(rng: random.Random, cell: str, column: list[str]) -> str:
    """Put another row's value."""
    del cell
    return rng.choice(column)


def empty(rng: random.Random, cell: str, column: list[str]) -> str:
    """Leave nothing."""
    del rng, cell, column
    return ""


def spelled(rng: random.Random, cell: str, column: list[str]) -> str:
    """Spell out that there is nothing."""
    del cell, column
    return rng.choice(["N/A", "-", "unknown", "NULL", "Not Available"])


def sentinel(rng: random.Random, cell: str, column: list[str]) -> str:
    """Put a number that stands for nothing."""
    del cell, column
    return rng.choice(["-1", "99999", "-999"])


def scaled(rng: random.Random, cell: str, column: list[str]) -> str:
    """Slip the decimal point."""
    del column
    number = float(cell.replace(",", ""))
    return f"{number * rng.choice([100, 1000]):g}"


def unit(rng: random.Random, cell: str, column: list[str]) -> str:
    """Add a unit."""
    del column
    return f"{cell}{rng.choice([' oz', ' oz.', ' OZ', ' ounce', '%'])}"


def other_date(rng: random.Random, cell: str, column: list[str]) -> str:
    """Write an ISO date in another order."""
    del rng, column
    year, month, day = cell.split("-")
    return f"{day}.{month}.{year}"


def variant(rng: random.Random, cell: str, column: list[str]) -> str:
    """Write the same in another case, or with blanks."""
    del column
    made = rng.choice([cell.upper(), cell.lower(), cell.replace(" ", "  ")])
    return made if made != cell else cell.swapcase()


def month(rng: random.Random, cell: str, column: list[str]) -> str:
    """Do to a range what spreadsheets do."""
    del column
    return f"{rng.choice(['Jan', 'Feb', 'Jun', 'Dec'])}-{cell.rsplit('-', maxsplit=1)[-1][:2]}"


def hours(rng: random.Random, cell: str, column: list[str]) -> str:
    """Write minutes as hours and minutes."""
    del rng, column
    minutes = int(cell.split(maxsplit=1)[0])
    return f"{minutes // 60} hr. {minutes % 60} min."


def ungrouped(rng: random.Random, cell: str, column: list[str]) -> str:
    """Leave out thousands separators."""
    del rng, column
    return cell.replace(",", "")


SETS: dict[str, tuple[Callable[[random.Random, int], Table], dict[str, tuple[Injector, ...]], float]] = {
    "people": (people, {"first_name": (typo,), "city": (typo, replaced), "state": (replaced, typo), "gender": (replaced,), "salary": (scaled, sentinel), "rate": (replaced,), "marital": (spelled,), "zip": (empty,)}, 0.03),  # noqa: E501
    "orders": (orders, {"email": (typo, replaced), "product": (typo, variant), "category": (typo, variant, replaced), "quantity": (scaled,), "unit_price": (scaled,), "total": (scaled,), "ordered": (other_date,), "country": (typo, variant, spelled), "sku": (variant,)}, 0.03),  # noqa: E501
    "drinks": (drinks, {"style": (typo, variant), "ounces": (unit,), "abv": (unit,), "ibu": (spelled,), "maker": (typo, variant), "city": (replaced, typo), "state": (empty, replaced)}, 0.15),  # noqa: E501
    "articles": (articles, {"journal": (typo, variant), "issn": (empty, replaced), "pages": (month,), "issue": (sentinel,), "language": (empty, typo), "volume": (sentinel,)}, 0.06),  # noqa: E501
    "films": (films, {"duration": (hours,), "votes": (ungrouped,), "rating": (scaled,), "country": (typo, variant), "language": (typo, spelled), "year": (sentinel,)}, 0.08),  # noqa: E501
    "inspections": (inspections, {"name": (typo, variant), "kind": (typo, replaced), "risk": (variant, empty), "address": (typo,), "city": (typo, variant), "state": (empty, typo), "zip": (replaced,), "result": (variant,)}, 0.05),  # noqa: E501
}  # fmt: skip
"""By name: the clean table, which errors go into which columns, and the share of those columns' cells that get one."""


def spoil(
    clean: Table, errors: dict[str, tuple[Injector, ...]], rate: float, rng: random.Random
) -> tuple[Table, Cells]:
    """Return a dirty copy and the cells that differ."""
    dirty = {name: list(cells) for name, cells in clean.items()}
    for name, injectors in errors.items():
        for row, cell in enumerate(clean[name]):
            if rng.random() < rate and cell:
                dirty[name][row] = rng.choice(injectors)(rng, cell, clean[name])
    differing = {(row, name) for name in clean for row, cell in enumerate(clean[name]) if dirty[name][row] != cell}
    return dirty, differing


def dirty_table(name: str, rows: int, seed: int) -> tuple[Table, Cells]:
    """Return the dirty table of a set and its errors."""
    rng = random.Random(f"{name} {seed}")
    make, errors, rate = SETS[name]
    return spoil(make(rng, rows), errors, rate, rng)


def write_typed(table: Table, path: Path) -> None:
    """Write Parquet as the platform's reader would: numbers and dates where every cell is one, empty is null."""
    pq.write_table(pa.table({name: _typed(cells) for name, cells in table.items()}), path)


def _typed(cells: list[str]) -> "pa.Array[Any]":
    text = pa.array([cell or None for cell in cells], pa.string())
    leading = any(len(cell) > 1 and cell[0] == "0" and cell[1] != "." for cell in cells)
    for kind in () if leading else (pa.int64(), pa.float64(), pa.date32()):
        try:
            return text.cast(kind)
        except pa.ArrowInvalid:
            continue
    return text
