"""Functional dependencies against pandas, and what is no dependency though it looks like one."""

from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
import pytest

from quality_svc.relations import Relations
from quality_svc.relations.document import Dependency

Find = Callable[..., Relations]


def places(rows: int = 4000, errors: int = 0) -> pd.DataFrame:
    """`zip` determines `city`, `city` determines `state`; `flag` is nearly constant; `tag` is noise."""
    random = np.random.default_rng(4)
    zips = random.integers(0, 300, rows)
    frame = pd.DataFrame({"zip": zips, "city": zips // 5, "state": zips // 50, "tag": random.integers(0, 30, rows)})
    frame = frame.astype({"city": str, "state": str})
    frame["flag"] = np.where(random.random(rows) < 0.01, "y", "n")
    frame["id"] = np.arange(rows)
    frame.loc[random.choice(rows, errors, replace=False), "city"] = "nowhere"
    return frame


def named(found: Relations) -> dict[tuple[tuple[str, ...], str], Dependency]:
    return {(one.determinant, one.dependent): one for one in found.dependencies.found}


def violations(frame: pd.DataFrame, determinant: list[str], dependent: str) -> int:
    """Rows less the commonest value of each group, by pandas."""
    known = frame.dropna(subset=[*determinant, dependent])
    return len(known) - int(known.groupby([*determinant, dependent]).size().groupby(level=determinant).max().sum())


def test_exact_dependencies_are_found_and_nothing_else(find: Find) -> None:
    assert set(named(find(places()))) == {(("zip",), "city"), (("zip",), "state"), (("city",), "state")}


@pytest.mark.parametrize("rows", [4000, 150_000], ids=["whole table", "searched in a sample, counted on all"])
def test_violations_are_counted_on_all_rows(find: Find, rows: int) -> None:
    frame = places(rows, errors=rows // 40)
    found = named(find(frame))[("zip",), "city"]
    assert found.violations == violations(frame, ["zip"], "city")
    assert found.rows == rows
    assert found.confidence == pytest.approx(1 - found.violations / rows)
    assert found.groups == 300


def test_the_query_returns_the_rows_of_groups_that_disagree(find: Find) -> None:
    frame = places(errors=3)
    found = named(find(frame))[("zip",), "city"]
    rows = duckdb.from_df(frame).query("data", found.query).df()
    cities = frame.groupby("zip")["city"].nunique()
    assert len(rows) == int(frame["zip"].isin(cities[cities > 1].index).sum())


def test_two_columns_together_determine_a_third(find: Find) -> None:
    random = np.random.default_rng(5)
    a, b = random.integers(0, 12, 3000), random.integers(0, 12, 3000)
    frame = pd.DataFrame({"a": a, "b": b, "c": (a * 5 + b * 7) % 11})
    found = named(find(frame))
    assert (("a", "b"), "c") in found
    assert not any(len(determinant) == 1 for determinant, _ in found)


def test_nulls_contradict_nothing(find: Find) -> None:
    frame = places()
    frame.loc[::7, "city"] = None
    found = named(find(frame))[("zip",), "city"]
    assert (found.violations, found.rows) == (0, int(frame["city"].notna().sum()))


def test_independent_columns_depend_on_nothing_over_many_tables(find: Find) -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        columns = {f"c{n}": random.integers(0, 2 + n * n * 3, 400) for n in range(7)}
        columns["mostly"] = (random.random(400) < 0.02).astype(int)
        assert not find(pd.DataFrame(columns)).dependencies.found
