"""An assessment as one HTML page with charts: for people, offline, without a script.

`page` puts it together from `sections`, with `charts` (static SVG) and `markup`, which escapes everything. Nothing is
computed here that the document does not say.
"""

from quality_svc.reporting.page import render

__all__ = ["render"]
