"""Anomalies inside one version of a table: suspicious cells, unusual rows, breaks in series, each with its evidence.

Pure: Parquet in, a document out. What changes between versions is `drift`; what a score makes of anomalies is `checks`.
"""

from quality_svc.anomalies.cells.casts import CastReport
from quality_svc.anomalies.document import Anomalies
from quality_svc.anomalies.finding import find_anomalies

__all__ = ["Anomalies", "CastReport", "find_anomalies"]
