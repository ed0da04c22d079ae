"""What a search finds, in which order, for whom, and what it counts; what it suggests while somebody types."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from django.db import connection as django_connection
from psycopg.types.json import Jsonb

from dataplatform.events import identity
from dataplatform.events.identity import NAMESPACE
from dataplatform.identity import Principal
from dataplatform.problems import Problem

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

Find = Callable[..., Any]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

_DATASET = """
INSERT INTO datasets (dataset_id, institution_id, institution_slug, slug, title, description, licence, tags, visibility,
                      publication, contract, contract_defined_at, registered_at, revised_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'automatic', NULL, NULL, %s, NULL)
"""
_VERSION = """
INSERT INTO versions (version_id, dataset_id, number, upload_id, run_id, assessment_id, original, format, handler,
                      handler_version, table_count, unextracted, quality, measures, suitability, licence, published_at)
VALUES (%s, %s, 1, %s, %s, %s, '{}', %s, 'csv', '1', 1, '[]', %s, '[]', %s, NULL, %s)
"""
_TABLE = """
INSERT INTO tables (table_id, run_id, dataset_id, index, name, origin, parts, row_count, column_count, columns)
VALUES (%s, %s, %s, 0, %s, '{}', '[]', %s, %s, %s)
"""
_ASSESSMENT = """
INSERT INTO assessments (assessment_id, run_id, dataset_id, status, profile, measures, tables, suitability, columns,
                         ended_at)
VALUES (%s, %s, %s, 'completed', %s, '[]', '[]', '[]', %s, %s)
"""
_DETAILS = """
INSERT INTO dataset_details (dataset_id, update_frequency, languages, themes) VALUES (%s, %s, %s, '{}')
"""


class Shelf:
    """Puts datasets into the tables; `documents()` makes what they are found by."""

    def __init__(self, catalog: psycopg.Connection[Any]) -> None:
        self._catalog = catalog
        self.given: dict[UUID, dict[str, Any]] = {}

    def put(self, slug: str, **said: Any) -> UUID:
        given = {
            "institution": "demo", "title": slug, "description": "", "licence": None, "tags": [],
            "visibility": "public", "age": timedelta(days=3), "format": "csv", "quality": 0.9, "rows": 10,
            "columns": [], "semantic": [], "suitability": [], "frequency": None, "languages": [], "profile": None,
            "distinct": [], **said,
        }  # fmt: skip
        institution = identity.institution_id(given["institution"])
        dataset, at = identity.dataset_id(institution, slug), NOW - given["age"]
        upload = uuid5(dataset, "upload")
        run = identity.run_id(upload)
        self._catalog.execute(
            _DATASET,
            (dataset, institution, given["institution"], slug, given["title"], given["description"], given["licence"],
             given["tags"], given["visibility"], at),
        )  # fmt: skip
        if given["frequency"] or given["languages"]:
            self._catalog.execute(_DETAILS, (dataset, given["frequency"], given["languages"]))
        if given["format"]:
            names = [{"name": name, "position": at, "type": "string"} for at, name in enumerate(given["columns"])]
            table = identity.table_id(run, 0)
            suitability = [dict(zip(("task", "verdict"), one, strict=True)) for one in given["suitability"]]
            self._catalog.execute(
                _VERSION,
                (run, dataset, upload, run, identity.assessment_id(run), given["format"], given["quality"],
                 Jsonb(suitability), at),
            )  # fmt: skip
            self._catalog.execute(
                _TABLE, (table, run, dataset, f"table of {slug}", given["rows"], len(names), Jsonb(names))
            )
            meant = [
                {"table_id": str(table), "position": at, "semantic": semantic, "unique": at == 0,
                 "distinct": given["distinct"][at] if given["distinct"] else None}
                for at, semantic in enumerate(given["semantic"])
            ]  # fmt: skip
            profile = given["profile"] and Jsonb(given["profile"])
            self._catalog.execute(_ASSESSMENT, (identity.assessment_id(run), run, dataset, profile, Jsonb(meant), at))
        self.given[dataset] = given
        return dataset

    def documents(self) -> None:
        search = import_module("catalog_svc.projections.search")
        with self._catalog.transaction(), self._catalog.cursor() as cursor:
            search.refresh_all(cursor, learn=True)
        self._catalog.execute("ANALYZE search_documents")


@pytest.fixture
def shelf(catalog: psycopg.Connection[Any]) -> Iterator[Shelf]:
    """An empty catalog to put datasets into."""
    yield Shelf(catalog)
    django_connection.close()


@pytest.fixture
def found() -> Callable[..., Any]:
    """Search as somebody, for words and choices."""
    finding, facets = (import_module(f"catalog_svc.search.{name}") for name in ("finding", "facets"))

    def find(
        typed: str = "", principal: Principal | None = None, chosen: dict[str, Sequence[str]] | None = None, **said: Any
    ) -> Any:
        choices = facets.Choices(chosen or {}, NOW)
        return finding.find(principal, finding.Request(typed, choices, said.pop("limit", 20), **said))

    return find


WORDS = ["air", "water", "quality", "station", "river", "energy", "budget", "school", "traffic", "noise", "forest"]


@pytest.fixture
def crowd(shelf: Shelf) -> Shelf:
    """A few hundred datasets at random, of three institutions, that differ in all that is counted."""
    chance = random.Random(5)
    for number in range(300):
        shelf.put(
            f"set-{number}",
            institution=chance.choice(["alpha", "beta", "gamma"]),
            title=" ".join(chance.sample(WORDS, 3)),
            description=" ".join(chance.choices(WORDS, k=8)),
            tags=sorted(set(chance.choices(["x", "y", "z=1", "late"], k=2))),
            visibility=chance.choice(["public", "public", "institution", "restricted"]),
            age=timedelta(hours=chance.choice([3, 70, 400, 5000, 20000]), minutes=number),
            format=chance.choice(["csv", "xlsx", None]),
            licence=chance.choice(["CC-BY-4.0", None]),
            quality=chance.choice([0.99, 0.9, 0.8, 0.1, None]),
            rows=chance.choice([5, 50_000, 5_000_000]),
            columns=["id", "name"],
            semantic=chance.choice([["identifier", "country"], []]),
            suitability=[("regression", chance.choice(["suitable", "unsuitable"]))],
            frequency=chance.choice(["daily", None]),
        )
    shelf.documents()
    return shelf


def reader(*institutions: str, role: str = "reader") -> Principal:
    return Principal(uuid5(NAMESPACE, "somebody"), {slug: frozenset({role}) for slug in institutions}, admin=False)


ADMIN = Principal(uuid5(NAMESPACE, "an administrator"), {}, admin=True)


def test_words_are_found_in_any_form_in_any_language_without_accents_and_in_names_of_columns(
    shelf: Any, found: Find
) -> None:
    english = shelf.put("a", title="Measurements of running waters", languages=["en"])
    german = shelf.put("b", title="Luftqualität in Städten", languages=["de-AT"])
    french = shelf.put("c", title="Qualités des forêts", description="Données annuelles")
    columns = shelf.put("d", title="No words", columns=["stationId", "pm_10"], tags=["Größe"])
    shelf.documents()
    assert found("measurement run water").ids == [english]
    assert found("Stadt").ids == found("staedte* or stadten").ids == [german]
    assert found("foret donnee").ids == [french]
    assert found("station").ids == found("STATIONID").ids == found("pm").ids == found("grosse").ids == [columns]
    assert found("running -water").ids == []
    assert found('"running waters"').ids == [english]
    assert found('"waters running"').ids == []
    assert set(found("forêts or größe").ids) == {french, columns}
    assert found("the measurement of the water").ids == [english], "words that say nothing are not asked for"
    assert found("qualit*").ids == [french]


def test_a_word_in_the_title_counts_more_than_in_a_tag_a_column_or_a_description(shelf: Any, found: Find) -> None:
    placed = [
        shelf.put("d", title="one", description="something about glaciers"),
        shelf.put("c", title="two", columns=["glaciers"]),
        shelf.put("b", title="three", tags=["glaciers"]),
        shelf.put("a", title="glaciers"),
    ]
    shelf.documents()
    assert found("glaciers").ids == placed[::-1]
    newer = shelf.put("e", title="glaciers", quality=0.99)
    shelf.documents()
    assert found("glacier").ids[0] == newer, "of two alike the better one comes first"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("polution", "pollution"), ("plolution", "pollution"), ("polutoin", "pollution"), ("watr", "water"),
     ("watre", "water"), ("wzter", "water"), ("waterr", "water"), ("Gemiendehaushalt", "gemeindehaushalt")],
)  # fmt: skip
def test_typos_are_forgiven(shelf: Any, found: Find, typed: str, meant: str) -> None:
    dataset = shelf.put("a", title="Pollution of water", description="Gemeindehaushalt")
    shelf.put("b", title="Something else", visibility="restricted", description=typed)
    shelf.documents()
    answer = found(typed)
    assert answer.ids == [dataset]
    assert answer.corrections == {typed: [meant]}, "what only others see does not count as the word"


def test_any_single_mistake_and_any_two_in_a_long_word_are_forgiven(shelf: Any, found: Find) -> None:
    chance, letters = random.Random(3), "abcdefghijklmnopqrstuvwxyz"
    words = ["noise", "river", "budget", "hydrology", "infrastructure", "meteorological"]
    ids = {word: shelf.put(word, title=word) for word in words}
    shelf.documents()
    for word in words:
        for _ in range(6):
            typed = word
            for _ in range(2 if len(word) > 9 else 1):
                at, new = chance.randrange(len(typed)), chance.choice(letters)
                typed = chance.choice(
                    [typed[:at] + new + typed[at:], typed[:at] + typed[at + 1 :], typed[:at] + new + typed[at + 1 :]]
                )
            if len(typed) >= 4:
                assert ids[word] in found(typed).ids, typed


def test_pages_are_whole_and_without_duplicates_whatever_is_asked(crowd: Any, found: Find, monkeypatch: Any) -> None:
    def pages(typed: str, **asked: Any) -> list[UUID]:
        ids: list[UUID] = []
        cursor = None
        while True:
            answer = found(typed, limit=7, cursor=cursor, **asked)
            ids += answer.ids
            if (cursor := answer.next) is None:
                return ids

    public = {key for key, given in crowd.given.items() if given["visibility"] == "public"}
    water = {
        key for key in public if "water" in crowd.given[key]["title"] or "water" in crowd.given[key]["description"]
    }
    whole = {"": public, "water": water, "-water": public - water}
    for typed, expected in whole.items():
        ids = pages(typed)
        assert len(ids) == len(set(ids))
        assert set(ids) == expected, typed
    # as if there were many: from samples, with few that are ranked
    counting, selecting = (import_module(f"catalog_svc.search.{name}") for name in ("counting", "selecting"))
    monkeypatch.setattr(counting, "_EXACT_BELOW", 20)
    monkeypatch.setattr(counting, "_ENOUGH", 10)
    monkeypatch.setattr(counting, "_SAMPLE", 20)
    monkeypatch.setattr(counting, "_CERTAIN", 5)
    monkeypatch.setattr(counting, "first_level", lambda _cursor: 3)
    monkeypatch.setattr(selecting, "RANKED", 24)
    for typed, expected in whole.items():
        ids = pages(typed)
        assert len(ids) == len(set(ids))
        assert set(ids) == expected, typed
    answer = found("water", total=True)
    assert not answer.total["exact"]
    assert answer.total["count"] == pytest.approx(len(water), rel=6 * answer.total["standard_error"])


@pytest.mark.parametrize("principal", [None, reader("alpha"), reader("beta", role="steward"), reader("nowhere"), ADMIN])
def test_nobody_finds_or_counts_what_they_may_not_see(crowd: Any, found: Find, principal: Principal | None) -> None:
    def sees(given: dict[str, Any]) -> bool:
        if principal == ADMIN:
            return True
        roles = principal.institutions.get(given["institution"], frozenset()) if principal else frozenset()
        return given["visibility"] == "public" or (
            bool(roles) and (given["visibility"] == "institution" or "steward" in roles)
        )

    for typed in ("", "water", "quality air", "energi"):
        answer = found(typed, principal, limit=200, facets=("institution",))
        expected = {key for key, given in crowd.given.items() if sees(given)}
        assert set(answer.ids) <= expected
        assert sum(value["count"] for value in answer.facets["institution"]["values"]) == answer.total["count"]
        if not typed:
            assert answer.total == {"count": len(expected), "exact": True, "standard_error": 0}


@pytest.mark.parametrize(
    "typed",
    ["&|!()<->:*'\\", "''''", '"', "-", "- -", "or or or", "a:*b", "<1>", "\\'", '-""', "*", "**a", "x" * 1000,
     "é" * 999, "%", "_*"],
)  # fmt: skip
def test_strange_searches_have_answers(crowd: Any, found: Find, typed: str) -> None:
    assert len(found(typed, facets=("tag",), highlight=True).ids) <= 20


def test_too_many_words_are_refused(crowd: Any, found: Find) -> None:
    with pytest.raises(Problem) as refused:
        found("a b " * 100 + " ".join(f"w{number}" for number in range(100)))
    assert refused.value.code == "search_too_long"


CHOICES: list[dict[str, list[str]]] = [
    {},
    {"format": ["csv"]},
    {"format": ["csv", "xlsx"], "tag": ["x"]},
    {"tag": ["z=1", "late"], "quality": ["excellent", "poor"], "institution": ["alpha"]},
    {"freshness": ["day", "year"], "licence": ["CC-BY-4.0"]},
    {"freshness": ["older"], "semantic": ["country"], "suitability": ["regression:suitable"]},
    {"frequency": ["daily"], "size": ["under_1k", "over_100m"]},
]


def values_of(given: dict[str, Any]) -> dict[str, set[str]]:
    """What a dataset has of each facet, told without a database."""
    served, quality, rows = given["format"] is not None, given["quality"], given["rows"]
    bands = ((0.95, "excellent"), (0.85, "good"), (0.7, "fair"), (0.0, "poor"))
    sizes = ((100e6, "over_100m"), (1e6, "1m_to_100m"), (1e5, "100k_to_1m"), (1e3, "1k_to_100k"), (0, "under_1k"))
    ages = (("day", 1), ("week", 7), ("month", 30), ("year", 365), ("older", 10**6))
    return {
        "institution": {given["institution"]},
        "format": {given["format"]} - {None},
        "tag": set(given["tags"]),
        "licence": {given["licence"]} - {None},
        "quality": {next(name for least, name in bands if quality >= least)}
        if served and quality is not None
        else set(),
        "suitability": {f"{task}:{verdict}" for task, verdict in given["suitability"]} if served else set(),
        "semantic": set(given["semantic"]) if served else set(),
        "frequency": {given["frequency"]} - {None},
        "size": {next(name for least, name in sizes if rows >= least)} if served else set(),
        "freshness": {next(name for name, days in ages if given["age"] < timedelta(days=days))},
    }


@pytest.mark.parametrize("typed", ["", "water", "air or noise"])
def test_counts_of_facets_are_those_of_counting_by_hand(crowd: Any, found: Find, typed: str) -> None:
    facets = import_module("catalog_svc.search.facets")
    words = set(typed.split()) - {"or"}
    rows = [
        (key, values_of(given))
        for key, given in crowd.given.items()
        if given["visibility"] == "public"
        and (not words or words & set(f"{given['title']} {given['description']}".split()))
    ]
    for chosen in CHOICES:
        answer = found(typed, chosen=chosen, facets=facets.FACETS, facet_size=100, limit=200)

        def fits(values: dict[str, set[str]], but: str = "", chosen: dict[str, list[str]] = chosen) -> bool:
            return all(values[name] & set(wanted) for name, wanted in chosen.items() if name != but)

        assert answer.total == {"count": sum(fits(v) for _, v in rows), "exact": True, "standard_error": 0}
        assert set(answer.ids) == {key for key, values in rows if fits(values)} or answer.next
        for name in facets.FACETS:
            counted = Counter(value for _, values in rows if fits(values, name) for value in values[name])
            told = {value["value"]: value["count"] for value in answer.facets[name]["values"] if value["count"]}
            assert told == counted, (name, chosen)
            assert answer.facets[name]["exact"]


def test_what_is_found_is_marked_and_everything_else_is_escaped(shelf: Any, found: Find) -> None:
    dataset = shelf.put(
        "a", title="Rivers <script>alert('running')</script> & <b>water</b>", tags=["<water>", "dry"],
        description="Nothing. " * 60 + "Waters ran \x02here " + "and on " * 60, columns=["waterLevel", "other"],
    )  # fmt: skip
    shelf.documents()
    marked = found("water", highlight=True).highlights[dataset]
    assert marked["title"] == (
        "Rivers &lt;script&gt;alert(&#x27;running&#x27;)&lt;/script&gt; &amp; &lt;b&gt;<mark>water</mark>&lt;/b&gt;"
    )
    assert marked["tags"] == ["&lt;<mark>water</mark>&gt;"]
    assert marked["columns"] == ["<mark>water</mark>Level"]
    assert marked["description"].startswith("… ")
    assert "<mark>Waters</mark> ran" in marked["description"]
    assert len(marked["description"]) < 300
    assert found("", highlight=True).highlights == {dataset: {}}


def test_suggestions_go_on_from_what_was_typed_and_show_nothing_that_is_hidden(shelf: Any) -> None:
    suggest = import_module("catalog_svc.search.suggesting").suggest
    for number in range(3):
        shelf.put(f"p{number}", title=f"Air pollution {number}")
    titled = shelf.put("q", title="Polling stations")
    shelf.put("s", title="Polonium stores", visibility="restricted")
    shelf.documents()
    told = suggest(None, "pol", 8)
    assert [one["text"] for one in told if one["kind"] == "word"] == ["pollution", "polling"]
    assert titled in {one["dataset_id"] for one in told}
    assert [one["text"] for one in suggest(None, "air pol", 8) if one["kind"] == "word"] == ["air pollution"]
    assert suggest(None, "polo", 8) == suggest(None, "", 8) == suggest(None, "%_", 8) == []
    assert "polonium" in {one["text"] for one in suggest(ADMIN, "polo", 8)}


async def test_the_list_of_datasets_tells_more_only_where_asked(crowd: Any, client: Any) -> None:
    plain = (await client.get("/api/v1/datasets", params={"q": "water", "limit": 3})).json()
    assert set(plain) == {"items", "next"}
    asked = {"q": "watr", "facets": "format,tag", "highlight": "true", "format": ["csv", "xlsx"], "limit": 3}
    more = (await client.get("/api/v1/datasets", params=asked)).json()
    assert set(more) == {"items", "next", "total", "facets", "highlights", "corrections"}
    assert more["corrections"] == {"watr": ["water"]}
    assert [value["selected"] for value in more["facets"]["format"]["values"]] == [True, True]
    few = (await client.get("/api/v1/datasets", params={"fields": "title,slug", "limit": 1})).json()
    assert set(few["items"][0]) == {"title", "slug"}
    for wrong in (
        {"facets": "nothing"}, {"freshness": "soon"}, {"fields": "secret"}, {"q": "w" * 1001}, {"q": "a\x00b"},
        {"cursor": "abc"}, {"tag": ["x"] * 51}, {"q": " ".join(f"w{n}" for n in range(100))},
    ):  # fmt: skip
        answer = await client.get("/api/v1/datasets", params=wrong)
        assert answer.status_code == 422, wrong
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    suggested = await client.get("/api/v1/search/suggest", params={"q": "wat"})
    assert suggested.json()["items"][0]["text"] == "water"


async def test_columns_that_join_are_found_by_name_meaning_and_values(
    shelf: Any, client: Any, objects_folder: Any, make_reference: Any
) -> None:
    def profile(slug: str, values: list[str], institution: str = "demo") -> dict[str, Any]:
        dataset = identity.dataset_id(identity.institution_id(institution), slug)
        table = identity.table_id(identity.run_id(uuid5(dataset, "upload")), 0)
        top = {"values": [{"value": value, "count": 2} for value in values], "exact": True}
        column = {"position": 0, "distinct": {"value": len(values), "exact": True}, "top": top}
        body = json.dumps({"tables": [{"table_id": str(table), "columns": [column]}]}).encode()
        (objects_folder / "profiles").mkdir(exist_ok=True)
        (objects_folder / "profiles" / f"{slug}.json").write_bytes(body)
        reference: dict[str, Any] = make_reference(f"profiles/{slug}.json", body).model_dump(mode="json")
        return reference

    country = {"semantic": ["country"], "distinct": [3]}
    this = shelf.put("this", columns=["countryCode"], profile=profile("this", ["AT", "DE", "FR"]), **country)
    same = shelf.put("same", columns=["Country_Code"], profile=profile("same", ["AT", "DE", "FR"]), **country)
    other = shelf.put("other", columns=["land"], profile=profile("other", ["JP", "US", "BR"]), **country)
    shelf.put("hidden", columns=["countryCode"], visibility="restricted", **country)
    shelf.put("unlike", columns=["price"], semantic=["measure"])
    named = shelf.put("named", columns=["country code"])
    shelf.documents()
    table = identity.table_id(identity.run_id(uuid5(this, "upload")), 0)
    answer = await client.get(f"/api/v1/tables/{table}/columns/0/joinable")
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [UUID(item["dataset_id"]) for item in items] == [same, named, other]
    assert items[0]["evidence"] == {
        "same_name": True, "semantic": "country", "key": "both", "distinct_ratio": 1.0, "common_values": 1.0,
    }  # fmt: skip
    assert items[2]["evidence"]["common_values"] == 0
    assert (await client.get(f"/api/v1/tables/{table}/columns/7/joinable")).status_code == 404
    assert (await client.get(f"/api/v1/tables/{uuid5(this, 'none')}/columns/0/joinable")).status_code == 404
