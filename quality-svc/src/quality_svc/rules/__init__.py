"""A dataset's own rules: what they are, whether a table keeps them, and which ones its profile suggests.

`model` is what a rule is, `evaluation` whether a table keeps it, `sql` runs assertions that people wrote, `suggestion`
proposes. Contracts, which bring rules of the Open Data Contract Standard, are in `quality_svc.contracts`.
"""

from quality_svc.rules.evaluation import evaluate, evaluate_all
from quality_svc.rules.model import Rule, RuleResult, Severity, rule_of, rules_of
from quality_svc.rules.suggestion import Suggestion, suggest

__all__ = [
    "Rule",
    "RuleResult",
    "Severity",
    "Suggestion",
    "evaluate",
    "evaluate_all",
    "rule_of",
    "rules_of",
    "suggest",
]
