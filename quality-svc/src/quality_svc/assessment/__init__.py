"""The document of an assessment: scores, rules, profile, relations, anomalies, suitability and drift of a table in one.

`build` makes it from Parquet; `local` is what `dataplatform assess` runs in the sandbox, `examining` what the service's
second job runs. Each section is made by its own part (`profile`, `checks`, `relations`, `anomalies`, `suitability`,
`drift`, `contracts`); nothing is measured here. The document as a page is `quality_svc.reporting`.
"""

from quality_svc.assessment.building import Source, Wanted, build
from quality_svc.assessment.document import Assessment

__all__ = ["Assessment", "Source", "Wanted", "build"]
