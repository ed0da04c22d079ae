"""The contract: how much of it is met (ISO/IEC 25024 regulatory compliance of values; see `quality_svc.contracts`)."""

from quality_svc.checks.counting import items_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class ComplianceContract:
    """Clauses met over clauses evaluated, of all that bind; needs `contract`.

    The items that lower it are clauses, by their ids.
    """

    name = "compliance_contract"
    dimension = "compliance"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without a clause that could be evaluated it is not measured."""
        rules = table.context.contract
        evaluated = [rule for rule in rules if rule.met is not None]
        if not evaluated:
            return not_measured(self, len(rules), "no_contract" if not rules else "no_clause_evaluated")
        broken = [(None, rule.rule_id) for rule in evaluated if not rule.met]
        met = len(evaluated) - len(broken)
        query = items_query(broken)
        return Measurement(self.name, self.dimension, self.definition, met, len(evaluated), len(rules), query)
