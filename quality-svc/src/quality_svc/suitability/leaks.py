"""Columns that give the target away: copies of it, and columns that tell it (nearly) alone, gaps included.

Each column alone is given to a small tree on half of the rows and judged on the other half. In wide tables those with
the largest correlation go first. Not here: duplicates across folds (`duplicates`), which are removed before.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from quality_svc.suitability.columns import Column, Floats, Ints
from quality_svc.suitability.document import Finding

TELLS_CLASSES: Final = 0.99
"""Balanced accuracy (chance 0) of one column alone from which it is held for a leak."""
TELLS_NUMBERS: Final = 0.998
"""R2 of one column alone from which it is held for a leak."""
LOOKED_AT_ROWS: Final = 4_000
FEWEST_ROWS: Final = 200
"""Rows below which a column that tells the target may do so by chance; then only copies are held for leaks."""
COPIED: Final = 0.995
"""Share of a column's variance that lies between classes (or on a line) from which it is held for a copy."""
MOST_COLUMNS: Final = 150


def leaking(columns: Sequence[Column], target: Ints | Floats, hot: Floats, seed: int) -> list[Finding]:
    """Return a finding for each column that tells the target alone; `hot`: targets as numbers, rows x k."""
    if target.size < FEWEST_ROWS:
        copies = [column for column in columns if _is_copy(column, target)]
        words = "the column is the target under other names, or with a little noise"
        return [Finding(kind="leak", columns=(column.name,), detail=words) for column in copies]
    rows = np.random.default_rng([seed, 5]).permutation(target.size)[:LOOKED_AT_ROWS]
    train, test = rows[: rows.size // 2], rows[rows.size // 2 :]
    classes = bool(np.issubdtype(target.dtype, np.integer))
    needed = TELLS_CLASSES if classes else TELLS_NUMBERS
    found = []
    for column in _likeliest(columns, rows, hot):
        reached = _alone(_seen(column, train, target), train, test, target, classes=classes, seed=seed)
        if reached >= needed:
            words = f"the column alone tells the target to {reached:.3f} (0 is chance, 1 perfect)"
            found.append(Finding(kind="leak", columns=(column.name,), detail=words))
    return found


def _is_copy(column: Column, target: Ints | Floats) -> bool:
    """Whether the column is the target with other names or a little noise."""
    present = column.present
    if column.completeness < COPIED or np.unique(target[present]).size < 2:  # noqa: PLR2004 (values to tell apart)
        return False
    known, codes = np.unique(target[present], return_inverse=True)
    values = column.codes[present] if column.numbers is None else column.numbers[present]
    if not np.issubdtype(target.dtype, np.integer):
        return column.numbers is not None and float(np.corrcoef(values, target[present])[0, 1] ** 2) >= COPIED
    if column.numbers is None:
        pairs = np.unique(values * known.size + codes).size
        return pairs == np.unique(values).size == known.size
    means = (np.bincount(codes, values) / np.bincount(codes))[codes]
    return float(means.var() / max(float(values.var()), 1e-300)) >= COPIED


def _likeliest(columns: Sequence[Column], rows: Ints, hot: Floats) -> list[Column]:
    """Return the columns to look at: all, or in wide tables those with most correlation (values, gaps or groups)."""
    if len(columns) <= MOST_COLUMNS:
        return list(columns)
    strength = [_correlation(column, rows, hot) for column in columns]
    order = np.argsort(-np.array(strength), kind="stable")[:MOST_COLUMNS]
    return [columns[index] for index in order]


def _correlation(column: Column, rows: Ints, hot: Floats) -> float:
    values = column.codes[rows].astype(np.float64) if column.numbers is None else column.numbers[rows]
    values = np.nan_to_num(values - np.nanmean(values)) if (~np.isnan(values)).any() else np.zeros(rows.size)
    wanted = hot[rows] - hot[rows].mean(axis=0)
    gaps = (column.codes[rows] < 0) - float((column.codes[rows] < 0).mean())
    norm = np.sqrt((wanted**2).sum(axis=0))
    return float(max(
        (np.abs(one @ wanted) / np.maximum(np.sqrt((one**2).sum()) * norm, 1e-12)).max() for one in (values, gaps)
    ))  # fmt: skip


def _seen(column: Column, train: Ints, target: Ints | Floats) -> Floats:
    """Return the column as a tree can use it: numbers, or codes in the order of the target's mean in training rows."""
    if column.numbers is not None:
        known = column.numbers
        low, high = (float(np.nanmin(known)), float(np.nanmax(known))) if column.present.any() else (0.0, 0.0)
        return np.where(np.isnan(known), low - 1.0 - (high - low), known)  # far off, so gaps split cleanly
    codes = column.codes + 1
    size = int(codes.max(initial=0)) + 1
    sums = np.bincount(codes[train], weights=target[train].astype(np.float64), minlength=size)
    counts = np.bincount(codes[train], minlength=size)
    overall = float(target[train].mean())
    return np.asarray((sums + 1e-3 * overall) / (counts + 1e-3), np.float64)[codes]


def _alone(values: Floats, train: Ints, test: Ints, target: Ints | Floats, *, classes: bool, seed: int) -> float:
    left, right = values[train][:, None], values[test][:, None]
    if not classes:
        return max(
            _straight(values, train, test, target), _tree_explains(left, right, target[train], target[test], seed)
        )
    model = DecisionTreeClassifier(max_leaf_nodes=max(16, 3 * int(target.max() + 1)), random_state=seed)
    told = model.fit(left, target[train]).predict(right)
    present = np.unique(target[test])
    recall = [float((told[target[test] == one] == one).mean()) for one in present]
    size = max(2, present.size)
    return (float(np.mean(recall)) - 1 / size) / (1 - 1 / size)


def _straight(values: Floats, train: Ints, test: Ints, target: Ints | Floats) -> float:
    """Return R2 of a straight line."""
    x, y = values[train], target[train]
    centred = x - x.mean()
    slope = float((centred * (y - y.mean())).sum() / max(float((centred**2).sum()), 1e-300))
    return _explained(target[test], y.mean() + slope * (values[test] - x.mean()))


def _tree_explains(left: Floats, right: Floats, known: Ints | Floats, wanted: Ints | Floats, seed: int) -> float:
    model = DecisionTreeRegressor(min_samples_leaf=2, random_state=seed)
    return _explained(wanted, np.asarray(model.fit(left, known).predict(right), np.float64))


def _explained(wanted: Ints | Floats, told: Floats) -> float:
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    return 1 - float(((wanted - told) ** 2).sum()) / spread if spread > 0 else 0.0
