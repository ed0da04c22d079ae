"""From columns to what models take: what needs no target is made once, what needs it is fitted on training rows only.

Numbers and times as they are (times also as month, weekday and hour), rare gaps as the median and frequent ones also as
a flag, categories as one-hot and as smoothed means of the target (Micci-Barreca 2001; training rows get means of other
folds), free text as a latent semantic space (hashed TF-IDF and SVD). Very wide tables are screened by F within the
training rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quality_svc.suitability.columns import Column, Floats, Ints

Matrix = npt.NDArray[np.float32]

ONE_HOT_LEVELS: Final = 12
WIDE_CATEGORIES: Final = 200
"""Number of category columns beyond which they are codes ordered by frequency, nothing more."""
MOST_TARGETS: Final = 8
"""Classes whose means encode a category; the more frequent ones come first."""
MOST_MODEL_COLUMNS: Final = 300
MOST_FLAGS: Final = 50
FREQUENT_GAPS: Final = 0.01
SMOOTHING_ROWS: Final = 10.0
INNER_FOLDS: Final = 4
TEXT_DIMENSIONS: Final = 24
MOST_TEXT_COLUMNS: Final = 5
HASHED_WORDS: Final = 1 << 12
SCALED_LIMIT: Final = 5.0
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Fold:
    """What models see: `plain` for trees, `scaled` for models that need one scale."""

    train: Matrix
    test: Matrix
    scaled_train: Matrix
    scaled_test: Matrix


def width_of(columns: Sequence[Column]) -> int:
    """Return how many columns models will be given, roughly."""
    each = {"time": 3, "text": TEXT_DIMENSIONS, "number": 1}
    return sum(each.get(column.role, 3 if column.distinct > ONE_HOT_LEVELS else column.distinct) for column in columns)


class Encoder:
    """The features of some rows. `names` gives the column that each column of the base matrix comes from."""

    def __init__(self, columns: Sequence[Column], seed: int) -> None:
        self._seed = seed
        categories = [column for column in columns if column.role == "category"]
        self._wide = len(categories) > WIDE_CATEGORIES
        self._targeted = [] if self._wide else [column for column in categories if column.distinct > ONE_HOT_LEVELS]
        blocks: list[Matrix] = []
        self.names: list[str] = []
        texts = 0
        for column in columns:
            texts += column.role == "text"
            block = self._block(column) if column.role != "text" or texts <= MOST_TEXT_COLUMNS else None
            if block is not None and block.shape[1]:
                blocks.append(block)
                self.names += [column.name] * block.shape[1]
        flags = [column for column in columns if column.numbers is not None and column.completeness < 1 - FREQUENT_GAPS]
        for column in sorted(flags, key=lambda column: column.completeness)[:MOST_FLAGS]:
            blocks.append((~column.present).astype(np.float32)[:, None])
            self.names.append(column.name)
        rows = columns[0].codes.size if columns else 0
        self.base: Matrix = np.hstack(blocks) if blocks else np.zeros((rows, 0), np.float32)

    @property
    def width(self) -> int:
        """Columns before the target's means are added."""
        return int(self.base.shape[1]) + len(self._targeted)

    def fold(self, train: Ints, test: Ints, targets: Floats) -> Fold:
        """Encode training and test rows; `targets` (all rows x targets) is looked at in training rows only."""
        means_train, means_test = self._means(train, test, targets[train])
        left, right = np.hstack([self.base[train], means_train]), np.hstack([self.base[test], means_test])
        if left.shape[1] > MOST_MODEL_COLUMNS:
            kept = np.sort(np.argsort(-_association(left, targets[train]), kind="stable")[:MOST_MODEL_COLUMNS])
            left, right = left[:, kept], right[:, kept]
        return completed(left, right)

    def _block(self, column: Column) -> Matrix | None:
        if column.role == "time" and column.numbers is not None:
            return _times(column.numbers)
        if column.role == "number" and column.numbers is not None:
            return column.numbers.astype(np.float32)[:, None]
        if column.role == "category":
            return self._category(column)
        return _latent(column, self._seed) if column.role == "text" else None

    def _category(self, column: Column) -> Matrix:
        counts = np.bincount(column.codes + 1, minlength=column.distinct + 1)
        rank = np.empty(counts.size, np.float32)
        rank[np.argsort(-counts, kind="stable")] = np.arange(counts.size, dtype=np.float32)
        if self._wide:
            return np.asarray(rank[column.codes + 1][:, None], np.float32)
        if column.distinct <= ONE_HOT_LEVELS:
            seen = np.flatnonzero(counts)
            return np.asarray(column.codes[:, None] + 1 == seen[None, :], np.float32)
        share = (counts[column.codes + 1] / max(1, column.codes.size)).astype(np.float32)
        return np.stack([share, rank[column.codes + 1]], axis=1)

    def _means(self, train: Ints, test: Ints, targets: Floats) -> tuple[Matrix, Matrix]:
        order = np.argsort(-targets.sum(axis=0), kind="stable")[:MOST_TARGETS]
        targets = targets[:, order]
        width = len(self._targeted) * targets.shape[1]
        left, right = np.zeros((train.size, width), np.float32), np.zeros((test.size, width), np.float32)
        inner = np.random.default_rng([self._seed, 7]).integers(0, INNER_FOLDS, train.size)
        for number, column in enumerate(self._targeted):
            place = slice(number * targets.shape[1], (number + 1) * targets.shape[1])
            codes = column.codes + 1
            right[:, place] = _smoothed(codes[train], targets, column.distinct + 1)[codes[test]]
            for fold in range(INNER_FOLDS):
                others, here = inner != fold, inner == fold
                means = _smoothed(codes[train][others], targets[others], column.distinct + 1)
                left[here, place] = means[codes[train][here]]
        return left, right


def _smoothed(codes: Ints, targets: Floats, size: int) -> Floats:
    """Return the mean of each target for each code, drawn towards the overall mean where rows are few."""
    overall = targets.mean(axis=0) if targets.size else np.zeros(targets.shape[1])
    counts = np.bincount(codes, minlength=size)[:, None]
    sums = np.stack([np.bincount(codes, weights=column, minlength=size) for column in targets.T], axis=1)
    return np.asarray((sums + SMOOTHING_ROWS * overall) / (counts + SMOOTHING_ROWS), np.float64)


def _times(seconds: Floats) -> Matrix:
    """Return days since 1970, month, weekday and hour, without those that do not vary."""
    days = np.floor(seconds / DAY)
    parts = [
        seconds / DAY,
        np.mod(days / 365.2425 * 12, 12),
        np.mod(days + 3, 7),
        np.floor((seconds - days * DAY) / 3600),
    ]
    varying = [part for part in parts if np.unique(part[~np.isnan(part)]).size > 1]
    return np.stack(varying, axis=1).astype(np.float32) if varying else np.zeros((seconds.size, 0), np.float32)


def _latent(column: Column, seed: int) -> Matrix:
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 (only tables with texts pay for it)
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer  # noqa: PLC0415

    counted = HashingVectorizer(n_features=HASHED_WORDS, alternate_sign=False, norm=None).transform(column.texts())
    weighted: Any = TfidfTransformer(sublinear_tf=True).fit_transform(counted)
    size = min(TEXT_DIMENSIONS, max(1, weighted.shape[0] - 1))
    latent = TruncatedSVD(size, random_state=seed, n_iter=3).fit_transform(weighted)
    lengths = np.array([len(text) for text in column.texts()], np.float32)[:, None]
    return np.hstack([np.nan_to_num(latent).astype(np.float32), lengths])


def _association(features: Matrix, targets: Floats) -> Floats:
    """Return the largest squared correlation of each feature with any target; gaps count as the mean."""
    means = np.nanmean(np.where(np.isfinite(features), features, np.nan), axis=0) if features.size else 0.0
    centred = np.nan_to_num(features - means)
    norms = np.sqrt((centred.astype(np.float64) ** 2).sum(axis=0))
    wanted = targets - targets.mean(axis=0)
    scale = np.sqrt((wanted**2).sum(axis=0))
    products = np.abs(centred.T.astype(np.float64) @ wanted) / np.maximum(np.outer(norms, scale), 1e-12)
    return np.asarray(products.max(axis=1), np.float64)


def completed(train: Matrix, test: Matrix) -> Fold:
    """Fill gaps with the training medians; scale by centre and spread, and cut what lies far out."""
    train, test = np.where(np.isfinite(train), train, np.nan), np.where(np.isfinite(test), test, np.nan)
    known = ~np.isnan(train).all(axis=0)
    train, test = train[:, known], test[:, known]
    middle = np.nanmedian(train, axis=0) if train.size else np.zeros(train.shape[1], np.float32)
    train, test = np.where(np.isnan(train), middle, train), np.where(np.isnan(test), middle, test)
    low, high = (np.quantile(train, [0.01, 0.99], axis=0)) if train.size else (middle, middle)
    cut = np.clip(train, low, high)
    centre, spread = cut.mean(axis=0), cut.std(axis=0)
    spread = np.where(spread > 0, spread, np.maximum(train.std(axis=0), 1e-9))

    def scaled(matrix: Matrix) -> Matrix:
        cut = np.clip((matrix - centre) / spread, -SCALED_LIMIT, SCALED_LIMIT)
        return np.asarray(cut, np.float32)

    return Fold(train.astype(np.float32), test.astype(np.float32), scaled(train), scaled(test))
