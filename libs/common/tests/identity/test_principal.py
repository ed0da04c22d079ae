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


def test_a_limited_token_has_no_role_above_its_ceiling_and_none_elsewhere() -> None:
    principal = Principal(SUBJECT, {"aq": frozenset({"administrator"}), "bz": frozenset({"reader"})})
    limited = principal.limited("uploader")
    assert limited.may("uploader", "aq")
    assert not limited.may("steward", "aq")
    assert not limited.may("uploader", "bz")
    there = limited.limited("administrator", frozenset({"bz", "cx"}))
    assert dict(there.institutions) == {"bz": frozenset({"reader"})}
    assert (there.allows("uploader", "cx"), there.allows("steward", "cx"), there.allows("reader", "aq")) == (
        True,
        False,
        False,
    )


def test_who_runs_the_platform_keeps_it_under_no_limit_only() -> None:
    principal = Principal(SUBJECT, {"aq": frozenset({"reader"})}, admin=True)
    assert principal.limited("administrator").admin
    steward = principal.limited("steward")
    assert (steward.admin, dict(steward.institutions)) == (False, {"aq": frozenset({"reader"})})
    named = principal.limited("uploader", frozenset({"bz"}))
    assert (named.admin, dict(named.institutions)) == (False, {"bz": frozenset({"uploader"})})
