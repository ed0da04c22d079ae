"""Anomalies inside a version: how many of the known errors, unusual rows and breaks are found, and at what cost.

Cells: precision, recall and F1 on generated tables of six domains with injected errors, and on pairs of dirty and clean
CSV where such are given. Rows: mean AUROC over generated and real sets, against plain isolation forest in the same run.
Series: the score of the Numenta Anomaly Benchmark's standard profile on generated series, against a windowed Gaussian.

    python benchmarks/anomalies.py --pairs ../shared/corpus/errors
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from injected_errors import SETS, Cells, Table, dirty_table, write_typed
from labelled_rows import generated as generated_rows
from labelled_rows import real as real_rows
from labelled_series import generated as generated_series
from labelled_series import nab_score
from scipy.stats import norm
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from dataplatform.engine import EngineLimits
from quality_svc.anomalies import find_anomalies
from quality_svc.anomalies.series.finding import season_of
from quality_svc.anomalies.series.surprise import once, scores_of, surprise

MEBIBYTE = 2**20


def pairs_in(folder: Path) -> Iterator[tuple[str, Table, Cells]]:
    """Yield the dirty table and the cells that differ from the clean one, of every folder with such a pair."""
    for dirty_file in sorted(folder.glob("*/dirty.csv")):
        dirty, clean = (
            list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
            for file in (dirty_file, dirty_file.with_name("clean.csv"))
        )
        header = dirty[0]
        table = {name: [row[place] for row in dirty[1:]] for place, name in enumerate(header)}
        errors = {
            (row, header[place])
            for row, cells in enumerate(clean[1:])
            for place, cell in enumerate(cells)
            if table[header[place]][row] != cell
        }
        yield dirty_file.parent.name, table, errors


def measure_cells(tables: Iterator[tuple[str, Table, Cells]], folder: Path) -> None:
    """Print precision, recall, F1 and processor seconds of each table, and the mean F1."""
    scores = []
    path = folder / "table.parquet"
    for name, table, errors in tables:
        write_typed(table, path)
        begun = time.process_time()
        made = find_anomalies(
            [path], EngineLimits(256 * MEBIBYTE, 1, folder), seed=0, max_cells=10**6, look_for=["cells"]
        )
        found = {(cell.row, cell.column) for cell in made.cells}
        precision, recall = len(found & errors) / max(1, len(found)), len(found & errors) / max(1, len(errors))
        scores.append(2 * precision * recall / max(1e-9, precision + recall))
        print(
            f"  {name:12} errors {len(errors):6,}  P {precision:.3f}  R {recall:.3f}  F1 {scores[-1]:.3f}"
            f"  {time.process_time() - begun:.1f} s"
        )
    print(f"  mean F1 {np.mean(scores):.3f}")


def measure_rows(seed: int, folder: Path) -> None:
    """Print the AUROC of the ensemble and of plain isolation forest, set by set and on average."""
    ours, forest = [], []
    path = folder / "rows.parquet"
    for name, points, labels in (*generated_rows(seed), *real_rows(seed)):
        pq.write_table(pa.table({f"v{place}": pa.array(points[:, place]) for place in range(points.shape[1])}), path)
        made = find_anomalies([path], EngineLimits(256 * MEBIBYTE, 1, folder), seed=0, rows=True, look_for=["rows"])
        ours.append(roc_auc_score(labels, [row.score for row in made.rows]))
        forest.append(roc_auc_score(labels, -IsolationForest(random_state=0).fit(points).score_samples(points)))
        print(f"  {name:16} ensemble {ours[-1]:.3f}  isolation forest {forest[-1]:.3f}")
    print(f"  mean AUROC: ensemble {np.mean(ours):.3f}, isolation forest {np.mean(forest):.3f}")


def windowed_gaussian(values: npt.NDArray[np.float64], window: int = 600) -> npt.NDArray[np.float64]:
    """Return the baseline of the benchmark: how far in the tail of the last values' normal distribution each is."""
    sums, squares = np.r_[0.0, np.cumsum(values)], np.r_[0.0, np.cumsum(values**2)]
    ends = np.arange(len(values))
    starts = np.maximum(ends - window, 0)
    count = np.maximum(ends - starts, 1)
    mean = (sums[ends] - sums[starts]) / count
    spread = np.sqrt(np.maximum((squares[ends] - squares[starts]) / count - mean**2, 1e-12))
    scores: npt.NDArray[np.float64] = 1 - 2 * norm.sf(np.abs(values - mean) / spread)
    return np.where(ends < 50, 0.0, scores)


def measure_series(seed: int) -> None:
    """Print the scores of both detectors on the same series."""
    series = list(generated_series(seed))
    ours = []
    for one in series:
        looked = surprise(one.values, season_of(float(np.median(np.diff(one.seconds)))))
        ours.append(once(scores_of(looked.excess), 50))
    for name, scores in (("ours", ours), ("windowed Gaussian", [windowed_gaussian(one.values) for one in series])):
        score, threshold = nab_score(series, scores)
        print(f"  {name:18} {score:5.1f} at the threshold {threshold:.4f}")


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000, help="rows of each generated table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=Path, help="folder of folders with dirty.csv and clean.csv")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("cells, injected errors")
        measure_cells(((name, *dirty_table(name, given.rows, given.seed)) for name in SETS), folder)
        if given.pairs is not None:
            print("cells, pairs of files")
            measure_cells(pairs_in(given.pairs), folder)
        print("rows")
        measure_rows(given.seed, folder)
        print("series, NAB's standard profile")
        measure_series(given.seed)


if __name__ == "__main__":
    main()
