"""The bearer of a token and what it may do. Grants on a single dataset are the catalog's and are not known here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

ROLES: Final = ("reader", "uploader", "steward", "administrator")
"""Roles at an institution, weakest first; each includes those before it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An account (a person's or a service's), its roles by institution slug, and whether it runs the platform."""

    subject: UUID
    institutions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    admin: bool = False
    name: str | None = None

    def knows(self, institution: str) -> bool:
        """Whether the token names `institution`: what it does not name does not exist for its bearer."""
        return institution in self.institutions

    def may(self, role: str, institution: str) -> bool:
        """Whether the bearer holds `role`, or a stronger one, at `institution`; platform administrators hold all."""
        sufficient = ROLES[ROLES.index(role) :]
        return self.admin or not self.institutions.get(institution, frozenset()).isdisjoint(sufficient)
