"""The page of an assessment: whole in a real browser with nothing fetched, and no name or value becomes markup."""

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.assessment import Assessment, Source, Wanted, build
from quality_svc.contracts.result import ClauseResult, counted_result
from quality_svc.drift import compare
from quality_svc.reporting import charts, render
from quality_svc.reporting.markup import Markup, escaped, tag
from quality_svc.reporting.page import LARGEST_BYTES
from quality_svc.reporting.sections import percent
from quality_svc.rules.model import RuleResult

if TYPE_CHECKING:
    from dataplatform_stack.browser import Browser

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title><b>", "\x1b[31m\u202e", "&lt;"]


class Elements(HTMLParser):
    """Counts elements and attributes, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}


def assessed(folder: Path) -> Assessment:
    """Return the assessment of a table in which names and values are hostile, against another."""
    rng = np.random.default_rng(0)

    def table(shift: float) -> pa.Table:
        columns: dict[str, Any] = {name: rng.choice(HOSTILE, 300) for name in HOSTILE}
        columns |= {
            "price": rng.lognormal(shift, 1, 300),
            "holes": pa.array(rng.normal(size=300), mask=rng.random(300) < 0.3),
        }
        columns["day"] = np.datetime64("2024-01-01") + rng.integers(0, 300, 300)
        return pa.table({name: pa.array(column) for name, column in columns.items()})

    for name, shift in (("old", 0.0), ("new", 2.0)):
        pq.write_table(table(shift), folder / f"{name}.parquet")
    limits = EngineLimits(256 << 20, 1, folder)
    source = Source(0, HOSTILE[0], (folder / "new.parquet",))
    document, _ = build(HOSTILE[1], [source], limits, seed=0, wanted=Wanted())
    drift = compare([folder / "old.parquet"], [folder / "new.parquet"], limits)
    result = RuleResult(
        rule_id="x", kind="sql", name=HOSTILE[0], severity="critical", state="failed", detail=HOSTILE[1]
    )
    clause = ClauseResult(path="/x", clause="sql", object="x", result=result)
    contract = counted_result(
        [clause], contract_id=HOSTILE[2], contract_version="1", api_version="v3.1.0", not_enforced=()
    )
    return document.model_copy(update={"drift": drift, "contract": contract})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(assessed(tmp_path_factory.mktemp("report")))


def test_no_name_and_no_value_becomes_markup(page: str) -> None:
    found = Elements()
    found.feed(page)
    assert not {"script", "img", "link", "iframe", "object", "b"} & set(found.names)
    assert not [name for name in found.attributes if name.startswith("on") or name in {"src", "style"}]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert found.names.count("section") == 5


@pytest.mark.integration
def test_a_browser_shows_it_whole_and_asks_for_nothing(page: str, browser: "Browser", tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, "utf-8")
    for dark in (False, True):
        with browser.open(path, wait_for="#anomalies", dark=dark, width=1000) as opened:
            assert opened.errors == ()
            assert opened.foreign_requests == ()
            assert opened.title == f"Quality of {HOSTILE[1]}"
            assert opened.texts("h2")[:4] == [
                "Scores by dimension",
                "Contract",
                "Changes since the reference",
                "Anomalies",
            ]
            assert opened.count("svg[role=img] > title") == opened.count("svg") > 10
            assert opened.count("th:not([scope])") == 0
            box = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert opened.evaluate(box), "nothing is wider than the window"
            bars = "[...document.querySelectorAll('.bar.data, .bar.soft')].every(bar => bar.getBBox().height > 0)"
            assert opened.evaluate(bars)
            colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
            page_colour, ink = opened.evaluate(colours)
            assert (_luminance(page_colour) < _luminance(ink)) == dark


def _luminance(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def test_the_page_is_capped_however_much_there_is_to_show(tmp_path: Path) -> None:
    names = [f"column {number} {'x' * 500}" for number in range(400)]
    pq.write_table(pa.table({name: ["y" * 100, "z" * 100] * 4 for name in names}), tmp_path / "t.parquet")
    sources = [Source(at, f"t{at}", (tmp_path / "t.parquet",)) for at in range(2)]
    limits = EngineLimits(256 << 20, 1, tmp_path)
    document, _ = build("wide", sources, limits, seed=0, wanted=Wanted(scores=False, relations=False, anomalies=False))
    page = render(document)
    assert len(page.encode()) < LARGEST_BYTES
    assert "200 of 400 columns are shown" in page


def test_values_about_persons_are_not_shown(tmp_path: Path) -> None:
    addresses = [f"somebody{number % 40}@example.org" for number in range(200)]
    pq.write_table(pa.table({"email": addresses, "city": ["here", "there"] * 100}), tmp_path / "t.parquet")
    source = Source(0, "t", (tmp_path / "t.parquet",))
    wanted = Wanted(scores=False, relations=False, anomalies=False)
    document, _ = build("people", [source], EngineLimits(256 << 20, 1, tmp_path), seed=0, wanted=wanted)
    page = render(document)
    assert "personal data: email" in page
    assert "there" in page
    assert "somebody" not in page


def test_markup_escapes_by_construction() -> None:
    assert tag("p", "<b>", Markup("<i>"), title='"<') == '<p title="&quot;&lt;">&lt;b&gt;<i></p>'
    assert tag("p", title=Markup('"><script>')) == '<p title="&quot;&gt;&lt;script&gt;"></p>'
    assert escaped("x" * 300).endswith("…")
    assert len(escaped("x" * 300)) == 200


def test_charts_are_well_formed_and_within_their_room() -> None:
    for chart in (
        charts.histogram([0.0, 1.0, 10.0], [5, 1], ("0", "10"), "t"),
        charts.histogram([], [], ("", ""), "t"),
        charts.bars([("a", 3.0, "3"), ("b", 0.0, "0")], "t"),
        charts.bars([], "t"),
        charts.matrix(["a", "b"], {("b", "a"): -0.5}, "t"),
        charts.meter(None, "t"),
        charts.ring(0.5, "t"),
        charts.ring(None, "t"),
    ):
        svg = ET.fromstring(chart)  # noqa: S314 - our own
        width = float(svg.attrib["width"])
        for bar in svg.iter("rect"):
            assert float(bar.attrib["x"]) >= 0
            assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width + 0.01


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, "not measured"), (1.0, "100.0 %"), (0.99999, "> 99.9 %"), (0.0, "0.0 %"), (1e-6, "< 0.1 %")],
)
def test_shares_are_not_rounded_to_nothing_or_all(share: float | None, words: str) -> None:
    assert percent(share) == words
