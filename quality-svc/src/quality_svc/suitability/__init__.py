"""How well a table serves an analytical task: gates, evidence, a score with an interval, what would help.

`judge` and `judge_all` are the way in. Nothing here loads scikit-learn before a task is judged, which happens in the
sandbox. Not here: the quality dimensions of a table whatever it is for (`quality_svc.checks`).
"""

from quality_svc.suitability.document import Suitability
from quality_svc.suitability.judging import judge, judge_all

__all__ = ["Suitability", "judge", "judge_all"]
