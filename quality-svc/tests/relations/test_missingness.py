"""Patterns of nulls against pandas."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from quality_svc.relations import Relations

Find = Callable[..., Relations]


def survey(rows: int = 3000) -> pd.DataFrame:
    """Visits 1 to 3 lose people for good; `street` and `city` miss together; `income` misses where `age` is high."""
    random = np.random.default_rng(8)
    left = random.random(rows)
    frame = pd.DataFrame({"age": random.integers(20, 80, rows).astype(float)})
    for visit, stays in enumerate((0.95, 0.8, 0.6), start=1):
        frame[f"visit{visit}"] = np.where(left < stays, random.normal(size=rows), np.nan)
    homeless = random.random(rows) < 0.1
    frame["street"] = pd.Series("s", index=frame.index).mask(homeless)
    frame["city"] = pd.Series("c", index=frame.index).mask(homeless)
    frame["income"] = np.where(random.random(rows) < (frame["age"] - 20) / 80, np.nan, 1000.0)
    return frame


def nullable(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def test_patterns_are_counted_on_all_rows(find: Find) -> None:
    frame = survey()
    found = find(nullable(frame)).missingness
    names = [name for name in frame if frame[name].isna().any()]
    counts = frame[names].isna().value_counts()
    assert found.columns == tuple(names)
    assert found.pattern_count == len(counts)
    assert found.complete_rows == int((~frame[names].isna().any(axis=1)).sum())
    for pattern in found.patterns:
        exactly = (frame[names].isna() == [name in pattern.columns for name in names]).all(axis=1)
        assert pattern.rows == int(exactly.sum())


def test_pairs_are_those_of_pandas(find: Find) -> None:
    frame = survey()
    found = find(nullable(frame)).missingness
    assert found.always_together == (("street", "city"),)
    pair = next(one for one in found.pairs if set(one.columns) == {"visit2", "visit3"})
    left, right = frame["visit2"].isna(), frame["visit3"].isna()
    assert (pair.both, pair.either) == (int((left & right).sum()), int((left | right).sum()))
    assert pair.phi == pytest.approx(left.astype(int).corr(right.astype(int)))


def test_loss_for_good_is_monotone(find: Find) -> None:
    visits = survey()[["visit1", "visit2", "visit3"]]
    found = find(nullable(visits)).missingness
    assert (found.monotone, found.monotone_order) == (True, ("visit1", "visit2", "visit3"))
    visits.loc[:99, "visit1"] = np.nan
    visits.loc[:99, "visit3"] = 1.0
    assert not find(nullable(visits)).missingness.monotone


def test_nulls_that_depend_on_another_column_are_told(find: Find) -> None:
    found = find(nullable(survey())).missingness.by_values
    assert [(one.column, one.by) for one in found] == [("income", "age")]
    assert found[0].low > 0.3


def test_more_columns_than_bits_of_a_word(find: Find) -> None:
    random = np.random.default_rng(9)
    hidden = random.random(200) < 0.3
    frame = pd.DataFrame({f"c{n}": pd.Series(1.0, index=range(200)) for n in range(140)})
    for n in range(140):
        frame[f"c{n}"] = frame[f"c{n}"].mask(hidden if n % 2 else random.random(200) < 0.5)
    found = find(nullable(frame)).missingness
    assert found.always_together == (tuple(f"c{n}" for n in range(1, 140, 2)),)


def test_a_table_without_nulls_is_complete(find: Find) -> None:
    found = find(pa.table({"a": [1, 2, 3]})).missingness
    assert (found.complete_rows, found.pattern_count, found.monotone, found.patterns) == (3, 1, True, ())
