"""Deterministic identifiers and the names that people choose: no question to another service is needed to form one."""

import re
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import StringConstraints

NAMESPACE = UUID("6f1d3f0e-6e0a-5d0c-9d5e-0d8b8a0a9b1e")
"""Root of every name-based id (RFC 9562, version 5); changing it would rename the world."""

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
"""Lower-case letters, digits and inner hyphens, 1 to 64 characters (a DNS label, RFC 1123, plus one)."""

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]


def is_slug(text: str) -> bool:
    """Whether `text` may name an institution or a dataset."""
    return re.fullmatch(SLUG_PATTERN, text) is not None


def institution_id(slug: str) -> UUID:
    """Return the id of the institution that `slug` names."""
    return uuid5(NAMESPACE, f"institution:{slug}")


def dataset_id(institution: UUID, slug: str) -> UUID:
    """Return the id of the dataset that `slug` names within `institution`."""
    return uuid5(institution, slug)


def run_id(upload: UUID, variant: str = "") -> UUID:
    """Return the id of the run (and so of the version) that `variant` of the options makes from an upload."""
    return uuid5(upload, f"run:{variant}")


def assessment_id(run: UUID) -> UUID:
    """Return the id of the assessment of a run."""
    return uuid5(run, "assessment")


def examination_id(dataset: UUID) -> UUID:
    """Return the id of the examinations of a dataset, which are one stream."""
    return uuid5(dataset, "examination")


def alert_id(dataset: UUID, kind: str, subject: str) -> UUID:
    """Return the id of the one alert of a kind about a subject: raised again, it is the same."""
    return uuid5(dataset, f"alert:{kind}:{subject}")


def table_id(run: UUID, index: int) -> UUID:
    """Return the id of the table at position `index` (from 0) of a run."""
    return uuid5(run, f"table:{index}")


def event_id(stream: str, version: int) -> UUID:
    """Return the id of the event at `version` (from 1) of `stream`: a replayed event keeps its id."""
    return uuid5(NAMESPACE, f"{stream}/{version}")
