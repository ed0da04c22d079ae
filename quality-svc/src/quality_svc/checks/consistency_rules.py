"""The dataset's own rules: how many hold (ISO/IEC 25012 consistency; rules are made in `quality_svc.rules`)."""

from quality_svc.checks.counting import items_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class ConsistencyRules:
    """Rules met over rules evaluated, of all rules; needs `rules`.

    The items that lower it are rules, by their ids.
    """

    name = "consistency_rules"
    dimension = "consistency"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without a rule that could be evaluated it is not measured."""
        rules = table.context.rules
        evaluated = [rule for rule in rules if rule.met is not None]
        if not evaluated:
            return not_measured(self, len(rules), "no_rules" if not rules else "no_rule_evaluated")
        broken = [(None, rule.rule_id) for rule in evaluated if not rule.met]
        met = len(evaluated) - len(broken)
        query = items_query(broken)
        return Measurement(self.name, self.dimension, self.definition, met, len(evaluated), len(rules), query)
