"""Croissant's responsible-AI vocabulary 1.0: what checks have found, as sentences. What nobody knows is not said.

Biases and social impact are people's to judge: no check here finds them, so no field claims them.
"""

from typing import Any, Final

from catalog_svc.standards.description import Description
from catalog_svc.standards.findings import Findings

CONFORMS_TO: Final = "http://mlcommons.org/croissant/RAI/1.0"
_GOOD: Final = 0.95
"""A measure below this is a limitation that is told."""
_MOST: Final = 100
"""Most sentences of a field."""


def responsible_ai(found: Description, findings: Findings) -> dict[str, Any]:
    """Return the fields that have something to say."""
    said: dict[str, Any] = {
        "rai:dataCollection": f"Collected by {', '.join(found.creator_names)}; published by {found.publisher.name}",
        "rai:dataCollectionMissingData": _missing(found, findings),
        "rai:personalSensitiveInformation": _personal(found, findings),
        "rai:dataLimitations": _limitations(findings),
        "rai:dataUseCases": _uses(findings),
    }
    if found.temporal is not None:
        days = [day.isoformat() for day in (found.temporal.start, found.temporal.end) if day is not None]
        said["rai:dataCollectionTimeframe"] = days
    if found.frequency:
        said["rai:dataReleaseMaintenancePlan"] = (
            f"Brought up to date: {found.frequency} (EU authority table of frequencies)"
        )
    return {name: value for name, value in said.items() if value}


def _personal(found: Description, findings: Findings) -> list[str]:
    return [
        f"Table {table.name!r}, column {column.name!r} seems to hold data about persons: {seen.personal}"
        f"{', of a special category (GDPR Article 9)' if seen.special else ''} (confidence {seen.confidence:.2f})"
        for table in (found.release.tables if found.release else ())
        for column in table.columns
        if (seen := findings.columns.get(table.table_id, {}).get(column.position)) is not None and seen.personal
    ][:_MOST]


def _missing(found: Description, findings: Findings) -> list[str]:
    return [
        f"Table {table.name!r}, column {column.name!r}: {seen.nulls} of {seen.nulls + seen.count} values are missing"
        for table in (found.release.tables if found.release else ())
        for column in table.columns
        if (seen := findings.columns.get(table.table_id, {}).get(column.position)) is not None and seen.nulls
    ][:_MOST]


def _limitations(findings: Findings) -> list[str]:
    weak = [one for one in findings.measures if one.score is not None and one.score < _GOOD]
    said = [
        f"{_word(one.name or one.dimension)} is {one.score:.2f} ({one.numerator} of {one.denominator})" for one in weak
    ]
    said += [
        f"Unsuitable for {one.task.replace('_', ' ')}" for one in findings.suitability if one.verdict == "unsuitable"
    ]
    if findings.unextracted:
        reasons = sorted({one.reason_code for one in findings.unextracted})
        said.append(f"{len(findings.unextracted)} parts of the original gave no table: {', '.join(reasons)}")
    return said[:_MOST]


def _word(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _uses(findings: Findings) -> list[str]:
    return [
        f"{_word(one.task)}: {one.verdict}{'' if one.score is None else f' ({one.score:.2f})'}"
        for one in findings.suitability
        if one.verdict != "unsuitable"
    ][:_MOST]
