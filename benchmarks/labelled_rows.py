"""Tables with labelled unusual rows: generated ones of four kinds, and real ones that scikit-learn ships.

The generated kinds are those of ADBench (Han et al., 2022): global (uniform noise around all), local (the same
clusters, wider), clustered (a small dense cluster apart) and dependency (the same margins, independent). In the real
ones a class is thinned out to be the unusual one.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

Floats = npt.NDArray[np.float64]
Labelled = tuple[str, Floats, npt.NDArray[np.int64]]


def generated(seed: int) -> Iterator[Labelled]:
    """Yield tables of each kind, with margins of several shapes and several widths."""
    for width, kind in (
        (3, "global"),
        (8, "global"),
        (20, "global"),
        (5, "local"),
        (15, "local"),
        (6, "clustered"),
        (20, "clustered"),
        (6, "dependency"),
        (12, "dependency"),
        (30, "margins"),
    ):
        rng = np.random.default_rng([seed, width, len(kind)])
        usual = _clusters(rng, 1500, width)
        unusual = _unusual(rng, usual, kind, int(rng.integers(20, 120)))
        rows = np.vstack([usual, unusual])
        if width % 2 == 0:  # margins as measures have them: skewed, rounded
            rows[:, ::3] = np.round(np.expm1(np.clip(rows[:, ::3], -5, 12) / 3), 2)
        rows = np.hstack([rows, rng.normal(size=(len(rows), width // 4))])  # columns that say nothing
        labels = np.r_[np.zeros(len(usual), dtype=np.int64), np.ones(len(unusual), dtype=np.int64)]
        order = rng.permutation(len(rows))
        yield f"{kind}-{width}", rows[order], labels[order]


def _clusters(rng: np.random.Generator, rows: int, width: int) -> Floats:
    count = int(rng.integers(1, 5))
    centres = rng.normal(scale=4, size=(count, width))
    mixing = rng.normal(size=(count, width, width)) / np.sqrt(width) + np.eye(width) * 0.3
    chosen = rng.integers(0, count, rows)
    points: Floats = centres[chosen] + np.einsum("nij,nj->ni", mixing[chosen], rng.normal(size=(rows, width)))
    return points


def _unusual(rng: np.random.Generator, usual: Floats, kind: str, rows: int) -> Floats:
    width = usual.shape[1]
    if kind == "global":
        low, high = usual.min(0), usual.max(0)
        noise: Floats = rng.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low), (rows, width))
        return noise
    if kind == "local":
        base = usual[rng.integers(0, len(usual), rows)]
        wider: Floats = base + rng.normal(size=(rows, width)) * usual.std(0) * 0.7
        return wider
    if kind == "clustered":
        apart: Floats = usual.mean(0) + usual.std(0) * 3 * rng.choice([-1, 1], width)
        return apart + rng.normal(size=(rows, width)) * 0.3
    if kind == "dependency":
        return np.column_stack([rng.permutation(usual[:, place])[:rows] for place in range(width)])
    made = usual[rng.integers(0, len(usual), rows)].copy()
    for row in made:
        places = rng.choice(width, 3, replace=False)
        row[places] += usual.std(0)[places] * rng.choice([-4, 4], 3)
    return made


def real(seed: int) -> Iterator[Labelled]:
    """Yield sets that scikit-learn ships, a class of each thinned out."""
    rng = np.random.default_rng(seed)
    for name, load in (("breast_cancer", load_breast_cancer), ("wine", load_wine), ("iris", load_iris)):
        data, target = load(return_X_y=True)
        rare = {"breast_cancer": (0,), "wine": (0, 1, 2), "iris": (0, 2)}[name]
        for label in rare:
            yield _thinned(rng, f"{name}-{label}", data, target == label)
    data, target = load_digits(return_X_y=True)
    for label in range(0, 10, 2):
        yield _thinned(rng, f"digits-{label}", data, target == label)


def _thinned(rng: np.random.Generator, name: str, data: Floats, rare: npt.NDArray[np.bool_]) -> Labelled:
    usual = np.flatnonzero(~rare)
    few = rng.choice(np.flatnonzero(rare), max(8, len(usual) // 20), replace=False)
    rows = rng.permutation(np.r_[usual, few])
    return name, data[rows].astype(np.float64), rare[rows].astype(np.int64)
