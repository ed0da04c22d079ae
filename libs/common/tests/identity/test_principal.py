from uuid import UUID

import pytest

from dataplatform.identity import ROLES, Principal

SUBJECT = UUID(int=1)


@pytest.mark.parametrize("held", ROLES)
def test_a_role_includes_the_weaker_ones(held: str) -> None:
    principal = Principal(SUBJECT, {"aq": frozenset({held})})
    for asked in ROLES:
        assert principal.may(asked, "aq") is (ROLES.index(asked) <= ROLES.index(held))


def test_a_role_counts_at_its_own_institution_only() -> None:
    principal = Principal(SUBJECT, {"aq": frozenset({"administrator"}), "bz": frozenset()})
    assert not principal.may("reader", "bz")
    assert not principal.may("reader", "cx")
    assert principal.knows("bz")
    assert not principal.knows("cx")


def test_a_platform_administrator_holds_every_role() -> None:
    assert Principal(SUBJECT, admin=True).may("administrator", "anywhere")
