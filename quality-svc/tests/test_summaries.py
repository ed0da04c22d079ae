"""What an event says about columns."""

from uuid import UUID

from quality_svc.profile.document import ColumnProfile, Distinct, Semantic
from quality_svc.summaries import summaries


def column(distinct: Distinct | None, *, nulls: int = 0) -> ColumnProfile:
    semantic = Semantic(type="country", confidence=0.9)
    return ColumnProfile(
        position=3, name="land", type="string", kind="text", count=5, nulls=nulls, distinct=distinct, semantic=semantic
    )


def test_a_column_without_repeated_or_missing_values_may_be_a_key_if_that_is_certain() -> None:
    given = [
        column(Distinct(value=5, exact=True)),
        column(Distinct(value=4, exact=True)),
        column(Distinct(value=5, exact=True), nulls=1),
        column(Distinct(value=5, exact=False)),
        column(None),
    ]
    told = summaries(UUID(int=1), given)
    assert [one["unique"] for one in told] == [True, False, False, False, False]
    assert told[0] == {
        "table_id": str(UUID(int=1)), "position": 3, "semantic": "country", "distinct": 5, "unique": True,
    }  # fmt: skip
