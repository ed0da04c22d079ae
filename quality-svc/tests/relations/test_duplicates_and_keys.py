"""Equal rows and keys against pandas; what shuffling and doubling a table change."""

from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from quality_svc.relations import Relations
from quality_svc.relations.hashing import collision_probability, repeats_of

Find = Callable[..., Relations]


def orders(rows: int = 3000) -> pd.DataFrame:
    """Lines of orders: `order` and `line` are a key, `sku` determines `name`, some rows are entered twice."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "order": np.arange(rows) // 3,
            "line": np.arange(rows) % 3,
            "sku": random.integers(0, 40, rows),
            "quantity": random.integers(1, 5, rows),
            "price": random.normal(10, 3, rows).round(2),
            "note": pd.Series(["a", None, ""]).sample(rows, replace=True, random_state=1).to_numpy(),
        }
    )
    frame["name"] = "product " + frame["sku"].astype(str)
    return frame


def with_copies(frame: pd.DataFrame, copies: int) -> pd.DataFrame:
    return pd.concat([frame, frame.head(copies), frame.head(3)], ignore_index=True)


def test_duplicate_rows_are_those_of_pandas(find: Find) -> None:
    frame = with_copies(orders(), 70)
    (found,) = find(frame, parts=3).duplicates
    assert found.rows == int(frame.duplicated().sum()) == 73
    assert found.rows_in_groups == int(frame.duplicated(keep=False).sum())
    assert found.groups == 70
    assert found.share == pytest.approx(73 / len(frame))
    assert found.largest[0].copies == 3
    assert all(frame.iloc[list(group.rows)].drop_duplicates().shape[0] == 1 for group in found.largest)
    assert 0 < found.miscount_probability < 1e-9


def test_the_query_returns_the_duplicates(find: Find) -> None:
    frame = with_copies(orders(), 70)
    (found,) = find(frame).duplicates
    rows = duckdb.from_df(frame).query("data", found.query).df()
    assert (len(rows), rows["copies"].sum()) == (found.groups, found.rows_in_groups)


def test_null_equals_null_and_nan_equals_nan(find: Find) -> None:
    table = pa.table({"a": [None, None, 1.0, float("nan"), float("nan"), -0.0, 0.0], "b": ["x"] * 7})
    (found,) = find(table).duplicates
    assert (found.rows, found.groups) == (3, 3)


def test_lists_are_compared_by_all_of_their_elements(find: Find) -> None:
    table = pa.table({"a": [[], None, [None], [0], [0, 0], [0, 1], [1], [1, 0], [1, 0]]})
    (found,) = find(table).duplicates
    assert found.rows == 1


def test_what_was_entered_twice_shows_behind_a_running_number(find: Find) -> None:
    frame = with_copies(orders(), 70)
    frame.insert(0, "id", np.arange(len(frame)) + 500)
    whole, beside = find(frame).duplicates
    assert (whole.rows, beside.rows, beside.ignored) == (0, 73, ("id",))


def test_shuffled_rows_are_the_same_table(find: Find) -> None:
    frame = with_copies(orders(), 70)
    as_is, shuffled = find(frame), find(frame.sample(frac=1, random_state=3))
    assert shuffled.keys == as_is.keys
    assert shuffled.dependencies == as_is.dependencies
    assert shuffled.missingness == as_is.missingness
    assert shuffled.duplicates[0].model_dump(exclude={"largest"}) == as_is.duplicates[0].model_dump(exclude={"largest"})
    for one, other in zip(as_is.correlations.strongest, shuffled.correlations.strongest, strict=True):
        assert one.columns == other.columns
        assert one.value == pytest.approx(other.value)


def test_a_doubled_table_has_as_many_more_duplicates_and_no_key(find: Find) -> None:
    frame = orders(1500)
    once, twice = find(frame), find(pd.concat([frame, frame]))
    assert (once.duplicates[0].rows, twice.duplicates[0].rows) == (0, 1500)
    assert [key for key in once.keys.candidates if key.exact]
    assert not [key for key in twice.keys.candidates if key.exact]
    assert once.missingness.patterns[0].share == twice.missingness.patterns[0].share


def test_composite_keys_are_found_and_minimal(find: Find) -> None:
    keys = find(orders()).keys
    assert keys.candidates[0].columns == ("order", "line")
    assert not any({"order", "line"} < set(key.columns) for key in keys.candidates)


def test_every_exact_key_tells_all_rows_apart_and_no_part_of_it_does(find: Find) -> None:
    frame = orders()
    exact = [key for key in find(frame).keys.candidates if key.exact]
    assert exact
    for key in exact:
        assert not frame.duplicated(list(key.columns)).any()
        for left_out in key.columns if len(key.columns) > 1 else ():
            assert frame.duplicated([name for name in key.columns if name != left_out]).any()


def test_a_key_of_three_columns_is_found(find: Find) -> None:
    grid = pd.MultiIndex.from_product([range(12), range(15), range(18)], names=["a", "b", "c"]).to_frame(index=False)
    assert find(grid).keys.candidates[0].columns == ("a", "b", "c")


def test_a_key_with_violations_is_approximate_with_their_number(find: Find) -> None:
    frame = pd.DataFrame({"id": [*range(1000), 5, 6, None], "v": 1.5})
    frame["id"] = frame["id"].astype("Int64")
    (key,) = find(frame).keys.candidates
    assert (key.columns, key.exact, key.violations) == (("id",), False, 3)
    assert len(duckdb.from_df(frame).query("data", key.query).df()) == 5, "both of each pair, and the null"


def test_a_running_number_is_called_one(find: Find) -> None:
    frame = pd.DataFrame({"n": np.arange(10, 200), "code": [f"c{7 * i}" for i in range(190)]})
    found = {key.columns: key.surrogate for key in find(frame).keys.candidates}
    assert found == {("n",): True, ("code",): False}


def test_a_large_table_is_counted_not_sampled(find: Find) -> None:
    rows = 140_000
    frame = pd.DataFrame({"day": np.arange(rows) // 700, "shop": np.arange(rows) % 700, "sold": np.arange(rows) % 50})
    frame.loc[10, ["day", "shop"]] = [0, 11]
    found = find(frame, parts=2)
    assert found.sampled_rows < 70_000
    best = found.keys.candidates[0]
    assert (best.columns, best.violations, best.exact) == (("day", "shop"), 1, False)
    assert found.duplicates[0].rows == int(frame.duplicated().sum())


def test_hashes_sorted_in_ranges_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.random.default_rng(2).integers(0, 2**64 - 1, 5000, dtype=np.uint64)[
        np.random.default_rng(3).integers(0, 5000, 9000)
    ]
    whole = repeats_of(hashes, 5)
    monkeypatch.setattr("quality_svc.relations.hashing.SORT_ROWS", 700)
    assert repeats_of(hashes, 5) == whole
    counts = pd.Series(hashes).value_counts()
    assert (whole.distinct, whole.groups) == (len(counts), int((counts > 1).sum()))


def test_the_chance_of_a_collision_is_stated() -> None:
    assert collision_probability(10_000_000) == pytest.approx(2.7e-6, rel=0.01)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.array([], pa.int64())}),
        pa.table({"a": [1], "b": [None]}),
        pa.table({"a": pa.array([None] * 50, pa.null())}),
        pa.table({"a": ["x"] * 50}),
        pa.table({"a": [[1], [2], [1]]}),
        pa.table({"a": [float("nan"), float("inf"), -float("inf"), 1e308] * 10, "b": list(range(40))}),
        pa.table({}),
    ],
    ids=["no rows", "one row", "all null", "one constant", "nested", "infinite", "no columns"],
)
def test_odd_tables_give_a_document(find: Find, table: pa.Table) -> None:
    found = find(table)
    assert found.row_count == table.num_rows
    assert Relations.model_validate_json(found.model_dump_json()) == found


def test_a_wide_table_says_what_was_not_looked_at(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quality_svc.relations.sample.SAMPLE_COLUMNS", 20)
    monkeypatch.setattr("quality_svc.relations.hashing.HASH_COLUMNS", 10)
    table = pa.table({f"c{n}": np.random.default_rng(n).integers(0, 9, 60).tolist() for n in range(50)})
    found = find(table)
    left_out = {skipped.section: skipped.left_out for skipped in found.skipped if "searched" in skipped.reason}
    assert left_out["correlations"] == 30
    assert found.duplicates[0].rows == 0
