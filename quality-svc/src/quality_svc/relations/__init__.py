"""Facts about a whole table: duplicate rows, keys, dependencies, correlations, missingness, coverage of time.

`find_relations` is the entry, `Relations` the document it returns. What is true of one column is the profile's
(`quality_svc.profile`); what it means for quality is a check's. One file per kind of fact; `limits` says how far each
looks, `source` reads the table and `sample` holds what is searched in memory.
"""

from quality_svc.relations.document import Relations
from quality_svc.relations.finding import find_relations

__all__ = ["Relations", "find_relations"]
