"""Clustering: whether the rows fall into groups that other rows of the same source would show again.

Gates: three usable features; rows enough. Evidence: the mean of two. Hopkins' statistic (Hopkins and Skellam 1954), the
smallest of those against uniform boxes along the columns and along the main axes, against normal rows of the same
covariance (in many dimensions any cloud looks clustered against a box), and against rows whose columns were shuffled
apart (one flag makes two groups of any table). Stability (Ben-Hur, Elisseeff, Guyon 2002): the adjusted Rand index of
k-means on two halves, in excess of what such normal and such shuffled rows reach, at the best k. A `target` given is
left out and compared with what was found.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from quality_svc.suitability.columns import Column, Floats, Ints
from quality_svc.suitability.document import Finding, Fix, Gate
from quality_svc.suitability.duplicates import duplicate_share, firsts, row_hashes
from quality_svc.suitability.encoding import ONE_HOT_LEVELS, Encoder, completed
from quality_svc.suitability.landmarks import quiet
from quality_svc.suitability.scoring import DIMENSION_WEIGHT, NO_EVIDENCE, Answer, Evidence, mean_evidence
from quality_svc.suitability.tasks.interface import Question, rows_gate

FEWEST_FEATURES: Final = 3
FEWEST_ROWS: Final = 50
MOST_ROWS: Final = 1_500
MOST_AXES: Final = 12
KEPT_VARIANCE: Final = 0.9
MOST_CLUSTERS: Final = 8
TIED: Final = 0.02
"""Stability within which more clusters are preferred: halves of a grouping are groups too."""
PAIRS: Final = 4
PROBES: Final = 200
HOPKINS_DRAWS: Final = 10


@dataclass(frozen=True, slots=True)
class Groups:
    """What was found: evidence, the best number of clusters, and the cluster of each row looked at."""

    evidence: Evidence
    clusters: int
    labels: Ints
    rows: Ints


class Clustering:
    """Finding groups: whether there are any, and the same ones again."""

    name = "clustering"

    def judge(self, question: Question) -> Answer:
        """Judge all usable features, without the target where one is given."""
        table, columns = question.table, question.table.sample.columns
        left_out = None if question.target is None else columns[table.position(question.target)]
        features = [column for column in columns if column is not left_out and _usable(column)]
        gates = (rows_gate(table.row_count, FEWEST_ROWS), _features_gate(features))
        hashes = row_hashes(features, len(table.sample.rows))
        groups = None
        if all(gate.passed for gate in gates):
            with quiet():
                groups = _groups(features, firsts(hashes), question.seed)
        dimensions = _dimensions(features, columns, duplicate_share(table, features, hashes)) if features else {}
        return Answer(
            task=self.name,
            target=None if left_out is None else left_out.name,
            gates=gates,
            evidence=NO_EVIDENCE if groups is None else groups.evidence,
            dimensions=dimensions,
            sampled=table.sample.sampled,
            seed=question.seed,
            conditions=() if groups is None or groups.evidence.total > 0 else ("there may be no groups at all",),
            fixes=tuple(_fixes(dimensions)),
            findings=tuple(_findings(columns, features)),
            facts=_facts(features, groups, left_out),
        )


def _usable(column: Column) -> bool:
    return column.role == "number" or (column.role == "category" and column.distinct <= ONE_HOT_LEVELS)


def _features_gate(features: list[Column]) -> Gate:
    return Gate(
        name="usable_features",
        passed=len(features) >= FEWEST_FEATURES,
        evidence=f"{len(features):,} columns of numbers or of few categories",
        value=len(features),
        threshold=FEWEST_FEATURES,
    )


def _groups(features: list[Column], rows: Ints, seed: int) -> Groups | None:
    draws = np.random.default_rng([seed, 8])
    rows = np.sort(draws.permutation(rows)[:MOST_ROWS])
    if rows.size < FEWEST_ROWS:
        return None
    encoder = Encoder([column.taken(rows) for column in features], seed)
    scaled = np.asarray(completed(encoder.base, encoder.base[:1]).scaled_train, np.float64)
    shuffled = np.stack([draws.permutation(column) for column in scaled.T], axis=1)
    points, box, shuffled = _reduced(scaled, [scaled, _box(scaled, draws), shuffled], seed)
    normal = draws.multivariate_normal(points.mean(axis=0), np.atleast_2d(np.cov(points.T)), len(points))
    others = (normal, box, shuffled, _box(points, draws))
    hopkins = [min(_hopkins(points, other, draws) for other in others) for _ in range(HOPKINS_DRAWS)]
    stability = {
        size: _stability((points, normal, shuffled), size, draws, seed) for size in range(2, MOST_CLUSTERS + 1)
    }
    top = max(float(np.mean(one)) for one in stability.values())
    best = max(size for size, one in stability.items() if float(np.mean(one)) >= top - TIED)
    items = {"hopkins": _excess(float(np.mean(hopkins))), "stability": _share(float(np.mean(stability[best])))}
    spread = [(_excess(one) + _share(other)) / 2 for one in hopkins for other in stability[best]]
    labels = KMeans(best, n_init=3, random_state=seed).fit_predict(points)
    evidence = mean_evidence(items, spread, "probes and halves drawn again")
    return Groups(evidence, best, np.asarray(labels, np.int64), rows)


def _box(points: Floats, draws: np.random.Generator) -> Floats:
    """Return as many rows, uniform within the range of each column."""
    low, high = np.quantile(points, 0.01, axis=0), np.quantile(points, 0.99, axis=0)
    return np.asarray(low + (high - low) * draws.random(points.shape), np.float64)


def _reduced(points: Floats, clouds: list[Floats], seed: int) -> list[Floats]:
    """Return clouds on the main axes of `points` that hold most of their variance."""
    size = min(MOST_AXES, *points.shape)
    reduction = PCA(size, random_state=seed).fit(points)
    kept = int(np.searchsorted(np.cumsum(reduction.explained_variance_ratio_), KEPT_VARIANCE)) + 1
    kept = max(2, min(kept, size))
    return [np.asarray(reduction.transform(cloud)[:, :kept], np.float64) for cloud in clouds]


def _hopkins(points: Floats, others: Floats, draws: np.random.Generator) -> float:
    """Return Hopkins' statistic: 0.5 where rows lie as the others do, 1 where they crowd."""
    count = min(PROBES, len(points) // 3)
    chosen = draws.permutation(len(points))
    probes, rest = points[chosen[:count]], points[chosen[count:]]
    nearest = NearestNeighbors(n_neighbors=1).fit(rest)
    power = points.shape[1]
    within = nearest.kneighbors(probes)[0][:, 0]
    without = nearest.kneighbors(others[draws.permutation(len(others))[:count]])[0][:, 0]
    scale = max(float(without.max()), float(within.max()), 1e-12)
    inner, outer = float(((within / scale) ** power).sum()), float(((without / scale) ** power).sum())
    return outer / (outer + inner) if outer + inner > 0 else 0.5


def _stability(clouds: tuple[Floats, ...], size: int, draws: np.random.Generator, seed: int) -> list[float]:
    """Return for each pair of halves how far they agree, in excess of halves of the other clouds."""
    found = []
    for pair in range(PAIRS):
        own, *others = (_agreement(cloud, size, draws, seed + pair) for cloud in clouds)
        usual = max(others)
        found.append((own - usual) / max(1 - usual, 1e-9))
    return found


def _agreement(cloud: Floats, size: int, draws: np.random.Generator, seed: int) -> float:
    order = draws.permutation(len(cloud))
    halves = np.array_split(order, 2)
    first, second = (KMeans(size, n_init=2, random_state=seed).fit(cloud[half]).predict(cloud) for half in halves)
    return float(adjusted_rand_score(first, second))


def _excess(hopkins: float) -> float:
    return _share(2 * hopkins - 1)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _dimensions(features: list[Column], columns: tuple[Column, ...], duplicates: float) -> dict[str, float]:
    return {
        "completeness": float(np.mean([column.completeness for column in features])),
        "uniqueness": 1 - duplicates,
        "usable_columns": len(features) / len(columns),
    }


def _fixes(dimensions: dict[str, float]) -> list[Fix]:
    words = {
        "completeness": ("fill_gaps", "fill the cells that are empty"),
        "uniqueness": ("remove_duplicates", "remove rows that repeat others: they look like groups"),
        "usable_columns": ("encode_columns", "turn more columns into numbers or few categories"),
    }
    return [
        Fix(
            action=action,
            detail=detail,
            gain=DIMENSION_WEIGHT / len(dimensions) * (1 - dimensions[name]),
            basis="bound",
        )
        for name, (action, detail) in words.items()
        if dimensions.get(name, 1.0) < 1
    ]


def _findings(columns: tuple[Column, ...], features: list[Column]) -> list[Finding]:
    unused = tuple(column.name for column in columns if column not in features)
    words = "are not used: identifiers, times, texts, constants, categories of many levels"
    return [Finding(kind="unused_columns", columns=unused, detail=words)] if unused else []


def _facts(features: list[Column], groups: Groups | None, left_out: Column | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"features": len(features)}
    if groups is None:
        return facts
    facts |= {"clusters": groups.clusters, "cluster_rows": np.bincount(groups.labels).tolist()}
    if left_out is not None:
        facts["agreement_with_target"] = float(adjusted_rand_score(left_out.codes[groups.rows], groups.labels))
    return facts
