"""Timeliness of arrival: how many versions came in time (ISO/IEC 25024 update frequency and timeliness of update)."""

from itertools import pairwise

from quality_svc.checks.counting import items_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class TimelinessArrivals:
    """Pauses between versions not longer than declared over all pauses; needs `arrivals` and `frequency_seconds`.

    The last pause is the one up to `reference_time`, where that is given: what is overdue counts before it comes.
    """

    name = "timeliness_arrivals"
    dimension = "timeliness"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without a declared frequency, or with one arrival only, it is not measured."""
        context = table.context
        moments = [*sorted(context.arrivals)]
        if moments and context.reference_time is not None and context.reference_time > moments[-1]:
            moments.append(context.reference_time)
        pauses = list(pairwise(moments))
        if context.frequency_seconds is None or not pauses:
            reason = "no_declared_frequency" if context.frequency_seconds is None else "no_arrivals"
            return not_measured(self, len(pauses), reason)
        late = [
            (None, f"before {end.isoformat()}")
            for start, end in pauses
            if (end - start).total_seconds() > context.frequency_seconds
        ]
        total = len(pauses)
        return Measurement(
            self.name, self.dimension, self.definition, total - len(late), total, total, items_query(late)
        )
