"""Landmarkers (Pfahringer, Bensusan and Giraud-Carrier 2000): what quick models of different bias reach on unseen rows.

A linear model, a small tree, nearest neighbours, a forest, boosting where it is cheap, and the mean of the strong ones.
The evidence is that of the best: of classes the balanced accuracy, where 0 is chance; of numbers R2, where 0 is the
mean. Every row is predicted by models that did not see it (nor a row of its group). One thread, fixed seeds.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from quality_svc.suitability.columns import Floats, Ints
from quality_svc.suitability.document import Landmark
from quality_svc.suitability.encoding import MOST_MODEL_COLUMNS, Encoder, Fold

FEW_ROWS: Final = 250
MANY_ROWS: Final = 2_500
BOOSTED_CLASSES: Final = 5
BOOSTED_ROWS: Final = 60
DRAWS: Final = 200
BLENDED: Final = ("linear", "forest", "boosting")
MANY_CELLS: Final = 250_000
"""Cells beyond which forests and boosting grow fewer trees."""
MANY_CLASSES: Final = 20
"""Classes beyond which forests are smaller: every node holds a count of each class."""
LINEAR_COST: Final = 500_000_000
"""Rows x columns x classes x steps that the linear model may take."""

Fit = Callable[[Fold, npt.NDArray[Any]], Floats]


@dataclass(frozen=True, slots=True)
class Landscape:
    """What the models reached: the best one's score and predictions, and those of all."""

    score: float
    low: float
    high: float
    best: str
    landmarks: tuple[Landmark, ...]
    predictions: Mapping[str, Floats]
    """Of each model, rows x classes probabilities or rows x 1 values."""


@contextmanager
def quiet() -> Iterator[None]:
    """One thread, and no warnings of libraries about what is dealt with here."""
    with threadpool_limits(1), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def classify(encoder: Encoder, labels: Ints, groups: Ints | None, seed: int, only: str | None = None) -> Landscape:
    """Return how well classes 0..k-1 (each at least twice) can be told; `only`: of one model."""
    size = int(labels.max()) + 1
    hot = np.eye(size)[labels]
    predictions = _out_of_fold(
        encoder, labels, hot, list(_folds(labels, groups, seed, classes=size)),
        _classifiers(encoder.width, size, labels.size, seed, only),
    )  # fmt: skip
    if only in {None, "blend"}:
        predictions = (predictions if only is None else {}) | {"blend": _blend(predictions)}
    prior = np.maximum(hot.mean(axis=0), 1e-9)
    tables = {name: _confusions(labels, found, prior) for name, found in predictions.items()}
    scores = {name: _told(table) for name, table in tables.items()}
    best = max(scores, key=lambda name: scores[name])
    draws = np.random.default_rng([seed, 3])
    spread = sorted(_told(_drawn_again(tables[best], draws)) for _ in range(DRAWS))
    return _landscape(scores, best, spread, predictions)


def regress(encoder: Encoder, values: Floats, groups: Ints | None, seed: int, only: str | None = None) -> Landscape:
    """Return how well numbers can be told: R2 over all rows, 0 where no better than the mean."""
    predictions = _out_of_fold(
        encoder, values, values[:, None], list(_folds(values, groups, seed, classes=0)),
        _regressors(encoder.width, values.size, seed, only),
    )  # fmt: skip
    if only in {None, "blend"}:
        predictions = (predictions if only is None else {}) | {"blend": _blend(predictions)}
    scores = {name: _explained(values, found[:, 0]) for name, found in predictions.items()}
    best = max(scores, key=lambda name: scores[name])
    draws = np.random.default_rng([seed, 3])
    chosen = (draws.integers(0, values.size, values.size) for _ in range(DRAWS))
    spread = sorted(_explained(values[rows], predictions[best][rows, 0]) for rows in chosen)
    return _landscape(scores, best, spread, predictions)


def _landscape(
    scores: Mapping[str, float], best: str, spread: list[float], predictions: Mapping[str, Floats]
) -> Landscape:
    score, low, high = (
        min(1.0, max(0.0, value)) for value in (scores[best], spread[int(0.05 * DRAWS)], spread[int(0.95 * DRAWS) - 1])
    )
    landmarks = tuple(Landmark(model=name, score=value) for name, value in scores.items())
    return Landscape(score, min(low, score), max(high, score), best, landmarks, predictions)


def _folds(target: npt.NDArray[Any], groups: Ints | None, seed: int, *, classes: int) -> Iterator[tuple[Ints, Ints]]:
    """Give train and test rows; few rows are folded more often, each time in another way."""
    rows = target.size
    count, repeats = (3, 1) if rows > MANY_ROWS else (5, 2 if rows <= FEW_ROWS else 1)
    if classes:
        count = max(2, min(count, int(np.bincount(target).max())))
    count = min(count, rows)
    if groups is not None and np.unique(groups).size >= count:
        folder: Any = StratifiedGroupKFold(count) if classes else GroupKFold(count)
        yield from folder.split(np.zeros(rows), target if classes else None, groups)
        return
    for repeat in range(repeats):
        kind = StratifiedKFold if classes else KFold
        yield from kind(count, shuffle=True, random_state=seed + repeat).split(np.zeros(rows), target)


def _out_of_fold(
    encoder: Encoder,
    target: npt.NDArray[Any],
    targets: Floats,
    folds: list[tuple[Ints, Ints]],
    models: Mapping[str, Callable[[], Any]],
) -> dict[str, Floats]:
    """Return each model's mean prediction of each row by models that did not see it."""
    sums = {name: np.zeros((target.size, targets.shape[1])) for name in models}
    counts = np.zeros((target.size, 1))
    for train, test in folds:
        counts[test] += 1
        fold = encoder.fold(train, test, targets)
        for name, make in models.items():
            sums[name][test] += _predicted(name, make(), fold, target[train], targets.shape[1])
    return {name: total / np.maximum(counts, 1) for name, total in sums.items()}


def _predicted(name: str, model: Any, fold: Fold, target: npt.NDArray[Any], width: int) -> Floats:
    scaled = name in {"linear", "neighbours"}
    train, test = (fold.scaled_train, fold.scaled_test) if scaled else (fold.train, fold.test)
    if not train.shape[1]:
        train, test = np.zeros((len(train), 1), np.float32), np.zeros((len(test), 1), np.float32)
    model.fit(train, target)
    if not hasattr(model, "predict_proba"):
        found = np.clip(np.asarray(model.predict(test), np.float64), target.min(), target.max())
        return np.nan_to_num(found)[:, None]
    probabilities = np.zeros((len(test), width))
    probabilities[:, model.classes_] = model.predict_proba(test)
    return np.nan_to_num(probabilities)


def _classifiers(width: int, classes: int, rows: int, seed: int, only: str | None) -> dict[str, Callable[[], Any]]:
    width = min(width, MOST_MODEL_COLUMNS)
    steps = max(20, min(200, LINEAR_COST // max(1, rows * width * classes)))
    many = classes > MANY_CLASSES
    trees = 40 if many else 60 if rows * width > MANY_CELLS else 100
    models: dict[str, Callable[[], Any]] = {
        "linear": lambda: LogisticRegression(max_iter=steps, tol=1e-3),
        "tree": lambda: DecisionTreeClassifier(max_depth=6, min_samples_leaf=2, random_state=seed),
        "neighbours": lambda: KNeighborsClassifier(min(5, max(1, rows // 3))),
        "forest": lambda: ExtraTreesClassifier(trees, min_samples_leaf=2 if many else 1, random_state=seed, n_jobs=1),
    }
    if classes <= BOOSTED_CLASSES and rows >= BOOSTED_ROWS:
        models["boosting"] = lambda: HistGradientBoostingClassifier(**_boosting(rows, width, seed))
    return _only(models, only)


def _regressors(width: int, rows: int, seed: int, only: str | None) -> dict[str, Callable[[], Any]]:
    width = min(width, MOST_MODEL_COLUMNS)
    large = rows * width > MANY_CELLS
    models: dict[str, Callable[[], Any]] = {
        "linear": lambda: RidgeCV(np.logspace(-2, 4, 7)),
        "tree": lambda: DecisionTreeRegressor(max_depth=6, min_samples_leaf=3, random_state=seed),
        "neighbours": lambda: KNeighborsRegressor(min(5, max(1, rows // 3)), weights="distance"),
        "forest": lambda: ExtraTreesRegressor(
            40 if large else 60,
            max_features=0.25 if large else 1.0,
            min_samples_leaf=3 if large else 2,
            random_state=seed,
            n_jobs=1,
        ),
    }
    if rows >= BOOSTED_ROWS:
        models["boosting"] = lambda: HistGradientBoostingRegressor(**_boosting(rows, width, seed))
    return _only(models, only)


def _only(models: dict[str, Callable[[], Any]], only: str | None) -> dict[str, Callable[[], Any]]:
    """Return the models that one result needs; the forest stands in for one that fewer rows do not allow."""
    wanted = BLENDED if only == "blend" else (only,)
    return models if only is None else {name: models[name] for name in wanted if name in models} or {
        "forest": models["forest"]
    }  # fmt: skip


def _boosting(rows: int, width: int, seed: int) -> dict[str, Any]:
    large = rows * width > MANY_CELLS
    few = rows < 1000  # noqa: PLR2004 (rows)
    return {
        "max_iter": 50 if large else 80,
        "learning_rate": 0.15 if large else 0.1,
        "max_leaf_nodes": 8 if few else 24,
        "min_samples_leaf": 5 if few else 15,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": seed,
    }


def _blend(predictions: Mapping[str, Floats]) -> Floats:
    return np.asarray(np.mean([predictions[name] for name in BLENDED if name in predictions], axis=0), np.float64)


def _confusions(labels: Ints, probabilities: Floats, prior: Floats) -> Floats:
    """Return two tables (true x told): told by the largest probability, and by the largest over its prior.

    The second maximises balanced accuracy (Elkan 2001); most people train for the first. The mean of both is scored.
    """
    size = prior.size
    told = (probabilities.argmax(axis=1), (probabilities / prior).argmax(axis=1))
    return np.stack([np.bincount(labels * size + one, minlength=size * size).reshape(size, size) for one in told])


def _told(tables: Floats) -> float:
    """Return the balanced accuracy with chance at 0."""
    rows = tables.sum(axis=2)
    recall = np.diagonal(tables, axis1=1, axis2=2) / np.maximum(rows, 1)
    size = tables.shape[1]
    balanced = float(recall[rows > 0].mean()) if rows.any() else 0.0
    return float((balanced - 1 / size) / (1 - 1 / size))


def _drawn_again(tables: Floats, draws: np.random.Generator) -> Floats:
    """Return the tables of rows drawn again with replacement."""
    return np.stack([draws.multinomial(int(one.sum()), one.ravel() / one.sum()).reshape(one.shape) for one in tables])


def _explained(values: Floats, found: Floats) -> float:
    spread = float(((values - values.mean()) ** 2).sum())
    return 1.0 - float(((values - found) ** 2).sum()) / spread if spread > 0 else 0.0
