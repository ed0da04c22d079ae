"""The bearer of a token and what it may do. Grants on a single dataset are the catalog's and are not known here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

ROLES: Final = ("reader", "uploader", "steward", "administrator")
"""Roles at an institution, weakest first; each includes those before it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An account (a person's or a service's), its roles by institution slug, and whether it runs the platform.

    `ceiling` and `within` are the limits of the token it came with: the strongest role that may be used, whatever the
    account holds, and the institutions it may be used at (None: any). The roles here are within them already; who
    looks up more (a dataset's own grants) asks `allows`. `token` is the personal access token behind it, if any.
    """

    subject: UUID
    institutions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    admin: bool = False
    name: str | None = None
    ceiling: str = ROLES[-1]
    within: frozenset[str] | None = None
    token: UUID | None = None

    def knows(self, institution: str) -> bool:
        """Whether the token names `institution`: what it does not name does not exist for its bearer."""
        return institution in self.institutions

    def may(self, role: str, institution: str) -> bool:
        """Whether the bearer holds `role`, or a stronger one, at `institution`; platform administrators hold all."""
        sufficient = ROLES[ROLES.index(role) :]
        return self.admin or not self.institutions.get(institution, frozenset()).isdisjoint(sufficient)

    def allows(self, role: str, institution: str) -> bool:
        """Whether the token's limits, whatever its bearer holds, let `role` be used at `institution`."""
        return ROLES.index(role) <= ROLES.index(self.ceiling) and (self.within is None or institution in self.within)

    def limited(self, ceiling: str, within: frozenset[str] | None = None) -> "Principal":
        """Return the same bearer with no role above `ceiling`, at no institution but those of `within`.

        Running the platform is kept under no limit only; under one, it is the ceiling's role at the institutions named.
        """
        most = min(self.ceiling, ceiling, key=ROLES.index)
        named = within if self.within is None else self.within if within is None else within & self.within
        held = dict.fromkeys(named, frozenset(ROLES[-1:])) if self.admin and named is not None else self.institutions
        roles = {slug: capped(found, most) for slug, found in held.items() if named is None or slug in named}
        runs = self.admin and named is None and most == ROLES[-1]
        return replace(self, institutions=roles, admin=runs, ceiling=most, within=named)


def capped(roles: frozenset[str], most: str) -> frozenset[str]:
    """Return the roles up to `most`, and `most` itself where a stronger one is held."""
    limit = ROLES.index(most)
    return frozenset(ROLES[min(ROLES.index(role), limit)] for role in roles)
