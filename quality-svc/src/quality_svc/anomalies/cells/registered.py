"""The registered detectors, in the order of their votes. A new one: a file in `detectors/` and a line here."""

from typing import Final

from quality_svc.anomalies.cells.detectors.claims import Claims
from quality_svc.anomalies.cells.detectors.dependencies import Dependencies
from quality_svc.anomalies.cells.detectors.domains import Domains
from quality_svc.anomalies.cells.detectors.duplicates import Duplicates
from quality_svc.anomalies.cells.detectors.formats import Formats
from quality_svc.anomalies.cells.detectors.missing import Missing
from quality_svc.anomalies.cells.detectors.outliers import Outliers
from quality_svc.anomalies.cells.detectors.patterns import Patterns
from quality_svc.anomalies.cells.detectors.relations import Relations
from quality_svc.anomalies.cells.detectors.typos import Typos
from quality_svc.anomalies.cells.detectors.variants import Variants
from quality_svc.anomalies.cells.interface import Detector

DETECTORS: Final[tuple[Detector, ...]] = (
    Dependencies(),
    Claims(),
    Duplicates(),
    Missing(),
    Patterns(),
    Formats(),
    Domains(),
    Typos(),
    Variants(),
    Outliers(),
    Relations(),
)
