"""Drift: what changed from one version of a table to the next, by effect size and never by a p-value.

`signature` is what of a version is kept for it; `measuring` makes one from Parquet, `from_profile` from a profile.
`distances` and `noise` are the mathematics, `schema`, `periods` and `distributions` look for one sort of change each,
`thresholds` says what is too much (from the dataset's own history, where there is one), `comparing` puts them together.
Reacting is not done here: see `quality_svc.alerts`.
"""

from quality_svc.drift.comparing import compare, compare_tables
from quality_svc.drift.document import Drift, Finding, TableDrift
from quality_svc.drift.from_profile import signature_from_profile
from quality_svc.drift.measuring import measure_signature
from quality_svc.drift.signature import TableSignature, VersionSignature

__all__ = [
    "Drift",
    "Finding",
    "TableDrift",
    "TableSignature",
    "VersionSignature",
    "compare",
    "compare_tables",
    "measure_signature",
    "signature_from_profile",
]
