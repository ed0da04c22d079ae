"""Does the suitability score predict what a model reaches? Rank correlations over tables made here, and sklearn's own.

Every table is judged as the platform does it; the truth is the better of a tuned gradient boosting and a forest trained
on the whole table and asked about rows that were held out (made by the same generator, clean). Compared with the mean
of quality dimensions, which needs no model. Tables: generators of many kinds, and each with noise, gaps, repeats, wrong
labels, few rows. The OpenML sets are not here, so their correlation is not measured here.

    python benchmarks/suitability.py --kind classification --seed 0
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import spearmanr
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from dataplatform.engine import EngineLimits
from quality_svc.suitability import Suitability, judge

HELD_OUT = 4000
TARGET = "target"


@dataclass(frozen=True)
class Case:
    """A table to judge and rows held out from the same source."""

    name: str
    task: str
    table: pd.DataFrame
    held_out: pd.DataFrame


def classification_frames(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give frames of several thousand rows, classes in `target`."""
    for number, (classes, informative, noise, apart) in enumerate(
        (k, i, n, s) for k in (2, 3, 8) for i, n in ((3, 0.0), (10, 0.1), (5, 0.3)) for s in (0.4, 1.0, 2.0)
    ):
        x, y = datasets.make_classification(
            8000, 20, n_informative=max(informative, 4 if classes > 4 else 3), n_redundant=4, n_classes=classes,
            n_clusters_per_class=1 + number % 2, flip_y=noise, class_sep=apart, random_state=seed + number,
        )  # fmt: skip
        yield f"make_classification k={classes} noise={noise} sep={apart}", framed(x, y)
    for share in (0.03, 0.1):
        for apart in (0.5, 1.5):
            x, y = datasets.make_classification(
                9000, 12, n_informative=5, weights=[1 - share], class_sep=apart, random_state=seed + 70
            )
            yield f"imbalanced {share} sep={apart}", framed(x, y)
    draw = np.random.default_rng(seed)
    for bits in (2, 3, 4):
        x = draw.normal(size=(8000, 8))
        yield f"parity of {bits} signs", framed(x, (x[:, :bits] > 0).sum(axis=1) % 2)
    x, y = datasets.make_moons(8000, noise=0.3, random_state=seed)
    yield "moons", framed(x, y)
    x, y = datasets.make_hastie_10_2(8000, random_state=seed)
    yield "hastie", framed(x, y)
    x, y = datasets.make_gaussian_quantiles(n_samples=8000, n_features=6, n_classes=5, random_state=seed)
    yield "gaussian quantiles", framed(x, y)
    for levels, strength in ((6, 1.0), (40, 1.5), (500, 1.5), (2000, 1.0)):
        yield f"categories {levels} strength={strength}", categories(draw, levels, strength)
    yield "pure noise", framed(draw.normal(size=(8000, 10)), draw.integers(0, 2, 8000))
    yield "noise, 5 classes", framed(draw.normal(size=(8000, 10)), draw.integers(0, 5, 8000))
    yield "wide", framed(*datasets.make_classification(5000, 400, n_informative=10, random_state=seed))
    for name in ("iris", "wine", "breast_cancer", "digits"):
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield name, framed(x, y)


def regression_frames(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give frames of several thousand rows, a number in `target`."""
    draw = np.random.default_rng(seed)
    for number, noise in enumerate((0.0, 1.0, 3.0, 8.0, 20.0)):
        for name in ("friedman1", "friedman2", "friedman3", "regression"):
            scale = {"friedman1": 1.0, "friedman2": 60.0, "friedman3": 0.06, "regression": 20.0}[name]
            x, y = getattr(datasets, f"make_{name}")(n_samples=8000, noise=noise * scale, random_state=seed + number)
            yield f"{name} noise={noise}", framed(x, y)
    for power in (0.5, 2.0):
        x = draw.normal(size=(8000, 6))
        yield f"product noise={power}", framed(x, x[:, 0] * x[:, 1] + power * draw.normal(size=8000))
        yield f"waves noise={power}", framed(x, np.sin(4 * x[:, 0]) + np.abs(x[:, 1]) + power * draw.normal(size=8000))
    x = np.exp(draw.normal(size=(8000, 5)))
    yield "heavy tails", framed(x, x[:, 0] * x[:, 1] * np.exp(0.3 * draw.normal(size=8000)))
    for levels in (8, 200, 2000):
        frame = categories(draw, levels, 1.0)
        effect = dict(zip(frame["a"].unique(), draw.normal(size=frame["a"].nunique()), strict=True))
        yield (
            f"categories {levels}",
            frame.assign(target=frame["a"].map(effect) + frame["x"] + draw.normal(size=len(frame))),
        )
    yield "pure noise", framed(draw.normal(size=(8000, 10)), draw.normal(size=8000))
    x, y = datasets.load_diabetes(return_X_y=True)
    yield "diabetes", framed(x, y)


def framed(x: Any, y: Any) -> pd.DataFrame:
    """Return features x0, x1, ... and the target."""
    return pd.DataFrame(x, columns=[f"x{number}" for number in range(x.shape[1])]).assign(target=y)


def categories(draw: np.random.Generator, levels: int, strength: float) -> pd.DataFrame:
    """Return rows whose class hangs on categories of `levels` levels and one number."""
    first, second = draw.integers(0, levels, 8000), draw.integers(0, 5, 8000)
    effect, x = draw.normal(size=levels) * strength, draw.normal(size=8000)
    score = effect[first] + 0.5 * (second % 2) + 0.5 * x + draw.logistic(size=8000) * 0.5
    names = np.array([f"level {number}" for number in range(levels)])
    return pd.DataFrame({"a": names[first], "b": second.astype(str), "x": x, "target": (score > 0).astype(int)})


def cases(kind: str, seed: int) -> Iterator[Case]:
    """Give each frame as it is, and spoilt in several ways; what is held out has the same gaps, but clean targets."""
    frames = classification_frames if kind == "classification" else regression_frames
    for number, (name, frame) in enumerate(frames(seed)):
        draw = np.random.default_rng([seed, number])
        frame = frame.iloc[draw.permutation(len(frame))].reset_index(drop=True)  # noqa: PLW2901 (the same, shuffled)
        held = min(HELD_OUT, len(frame) // 3)
        left, right = frame.iloc[held:], frame.iloc[:held]
        rows = (3000, 1000, 300)[number % 3]
        base = left.iloc[:rows]
        yield Case(name, kind, base, right)
        how = ("gaps", "repeats", "wrong targets", "noise columns", "few rows")
        for spoil in (how[number % 5], how[(number + 2) % 5]):
            asked = spoilt(right, spoil, draw) if spoil in {"gaps", "noise columns"} else right
            yield Case(f"{name}, {spoil}", kind, spoilt(base, spoil, draw), asked)


def spoilt(frame: pd.DataFrame, how: str, draw: np.random.Generator) -> pd.DataFrame:
    """Return the frame with one kind of fault."""
    frame = frame.reset_index(drop=True)
    features = [name for name in frame if name != TARGET]
    if how == "gaps":
        return frame.assign(**{str(name): frame[name].where(draw.random(len(frame)) > 0.4) for name in features})
    if how == "repeats":
        return pd.concat([frame.iloc[: len(frame) // 3]] * 3, ignore_index=True)
    if how == "wrong targets":
        wrong = draw.random(len(frame)) < 0.3
        return frame.assign(target=frame[TARGET].where(~wrong, draw.permutation(frame[TARGET])))
    if how == "noise columns":
        return frame.assign(**{f"n{number}": draw.normal(size=len(frame)) for number in range(30)})
    return frame.iloc[: max(80, len(frame) // 10)]


def truth(case: Case, seed: int) -> float:
    """Return what a tuned strong model reaches on the rows held out."""
    words = [name for name in case.table if case.table[name].dtype.kind not in "fiub" and name != TARGET]
    classes = case.task == "classification"
    y, wanted = case.table[TARGET], case.held_out[TARGET]
    found = []
    for model in strong_models(seed, classes=classes):
        encoder = make_column_transformer(
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, max_categories=250), words),
            remainder="passthrough",
        )
        fitted = make_pipeline(encoder, model).fit(case.table.drop(columns=TARGET), y)
        told = fitted.predict(case.held_out.drop(columns=TARGET))
        size = wanted.nunique()
        found.append((balanced_accuracy_score(wanted, told) - 1 / size) / (1 - 1 / size) if classes else
                     r2_score(wanted, told))  # fmt: skip
    return float(max(0.0, *found))


def strong_models(seed: int, *, classes: bool) -> Iterator[Any]:
    """Give the models, one of which is the truth: boosting at two rates, and a forest."""
    boosting, forest = (
        (HistGradientBoostingClassifier, ExtraTreesClassifier)
        if classes
        else (HistGradientBoostingRegressor, ExtraTreesRegressor)
    )
    yield boosting(learning_rate=0.1, max_iter=150, early_stopping=False, random_state=seed)
    yield boosting(learning_rate=0.05, max_iter=250, max_leaf_nodes=8, early_stopping=False, random_state=seed)
    yield forest(200, random_state=seed)


def naive(frame: pd.DataFrame) -> float:
    """Return the mean of dimensions that need no model: completeness, uniqueness, target present, no outliers."""
    numbers = frame.select_dtypes("number")
    spread = (numbers - numbers.median()).abs().median() * 1.4826
    outliers = (((numbers - numbers.median()).abs() / spread.where(spread > 0)) > 3.5).to_numpy().mean()
    return float(np.mean([frame.notna().to_numpy().mean(), 1 - frame.duplicated().mean(), 1 - outliers]))


def judged(case: Case, folder: Path, seed: int) -> tuple[Suitability, float]:
    """Return the platform's answer, and the processor seconds it took."""
    path = folder / "table.parquet"
    pq.write_table(pa.Table.from_pandas(case.table, preserve_index=False), path)
    started = time.process_time()
    answer = judge([path], EngineLimits(512 << 20, 1, folder), case.task, TARGET, seed=seed)
    return answer, time.process_time() - started


def compared(case: Case, folder: Path, seed: int) -> dict[str, Any]:
    """Return what was judged, and what is true."""
    answer, seconds = judged(case, folder, seed)
    return {
        "kind": case.task,
        "name": case.name,
        "rows": len(case.table),
        "truth": truth(case, seed),
        "evidence": answer.contributions[0].value,
        "score": answer.score,
        "naive": naive(case.table),
        "verdict": answer.verdict,
        "seconds": seconds,
        "failed": [gate.name for gate in answer.gates if not gate.passed],
    }


def show(row: dict[str, Any]) -> None:
    """Print one line."""
    numbers = " ".join(f"{name} {row[name]:.3f}" for name in ("truth", "evidence", "score", "naive"))
    print(f"{row['kind'][:5]} {row['name']:52} {row['rows']:5} {numbers} {row['verdict']:11} {row['seconds']:5.2f} s "
          f"{' '.join(row['failed'])}", flush=True)  # fmt: skip


def main() -> None:
    """Print a line a table, the rank correlations, and all as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=("classification", "regression", "all"), default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="judge only every n-th table")
    options = parser.parse_args()
    kinds = ("classification", "regression") if options.kind == "all" else (options.kind,)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in kinds:
            for case in list(cases(kind, options.seed))[:: options.every]:
                rows.append(compared(case, Path(folder), options.seed))
                show(rows[-1])
    report(rows, kinds)


def report(rows: list[dict[str, Any]], kinds: tuple[str, ...]) -> None:
    """Print the rank correlations of each kind and over all."""
    result = {}
    for kind in (*kinds, "all"):
        chosen = [row for row in rows if kind in {row["kind"], "all"}]
        truths = [row["truth"] for row in chosen]
        result[kind] = {name: float(spearmanr(truths, [row[name] for row in chosen]).statistic)
                        for name in ("score", "evidence", "naive")}  # fmt: skip
        print(f"{kind:15} {len(chosen):4} tables, rank correlation with the truth: "
              + ", ".join(f"{name} {value:.3f}" for name, value in result[kind].items()))  # fmt: skip
    print(json.dumps({"correlations": result, "seconds": sum(row["seconds"] for row in rows)}))


if __name__ == "__main__":
    main()
