"""Any interleaving of topics, any split into batches and any duplicates give the same rows."""

import itertools
from collections.abc import Callable, Sequence
from datetime import date, datetime
from importlib import import_module
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog_svc.projections import apply, search
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.projections.policy import Storage
from catalog_svc.projections.writing import reaction
from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.catalog import (
    AccessGranted,
    AccessRevoked,
    CollectionCurated,
    CollectionDissolved,
    ColumnDescription,
    ColumnsDescribed,
    DatasetErased,
    DatasetRevised,
    ErasureCompleted,
    GroupAccessGranted,
    GroupAccessRevoked,
    InstitutionRegistered,
    InstitutionRevised,
    Relation,
    RelationsStated,
    SchemaOverridden,
    Temporal,
    VersionErased,
    VersionHeld,
    VersionRestored,
    VersionWithdrawn,
)
from dataplatform.events.identity import run_id
from dataplatform.events.ingest import UploadStalled
from dataplatform.events.quality import AssessmentFailed
from dataplatform.log import cursor as log
from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Envelope

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def told(story: Any) -> list[Envelope]:
    """What other services and people say: every event type that is projected, but for what policies add."""
    demo = {"institution_id": story.institution_id}
    first, second, third, lost = (story.upload("air-quality", number) for number in range(4))
    return [
        *story.enclose(InstitutionRegistered(**demo, slug="demo", name="Demo", registered_at=story.tick())),
        *story.enclose(InstitutionRevised(**demo, name="The new name", revised_at=story.tick())),
        *story.enclose(first, *story.run(first, tables=2), story.assessment(first)),
        *story.enclose(story.examination_failed(first), story.examination(first), *story.alert(first)),
        *story.enclose(*story.alert(first, "another")[:3]),
        *story.enclose(second, *story.run(second, columns=("pm25",)), story.assessment(second, 0.5)),
        *story.enclose(third, story.run_failed(third), *story.run(third), story.assessment(third)),
        *story.enclose(story.withdrawal(third), story.rejection()),
        *story.enclose(lost, *story.run(lost), failed(story.assessment(lost))),
        *story.published("bus-stops"),
        *stalled(story),
    ]


def stalled(story: Any) -> list[Envelope]:
    """Two uploads that stalled: of one the outcome came after all."""
    stuck, late = story.upload("stuck", 1), story.upload("stuck", 2)
    told: list[Envelope] = story.enclose(
        stuck, story.run(stuck)[0], mark(stuck, story), late, story.run(late)[0], mark(late, story),
        *story.run(late)[1:],
    )  # fmt: skip
    return told


def mark(upload: Any, story: Any) -> UploadStalled:
    return UploadStalled(
        dataset_id=upload.dataset_id, upload_id=upload.upload_id, run_id=run_id(upload.upload_id), stage="parsing",
        reason_code="parsing_went_silent", silent_since=story.tick(), stalled_at=story.tick(),
    )  # fmt: skip


def failed(assessment: Any) -> AssessmentFailed:
    return AssessmentFailed(
        dataset_id=assessment.dataset_id,
        assessment_id=assessment.assessment_id,
        run_id=assessment.run_id,
        reason_code="timed_out",
        attempts=3,
        failed_at=assessment.completed_at,
    )


def stewarded(story: Any, dataset: UUID) -> list[Event]:
    """What stewards say of a dataset and of collections: said, said again, and taken back."""
    base = {"dataset_id": dataset}
    shelf = {
        "collection_id": uuid5(dataset, "shelf"), "institution_id": story.institution_id, "institution": "demo",
        "slug": "shelf", "title": "Shelf", "members": (dataset,),
    }  # fmt: skip
    gone = {**shelf, "collection_id": uuid5(dataset, "gone"), "slug": "gone"}
    overrides = ObjectRef(key="overrides/x", sha256="0" * 64, size_bytes=2)
    waits = {**base, "version_id": uuid5(dataset, "waits"), "upload_id": uuid5(dataset, "upload")}
    return [
        VersionHeld(**waits, reason_code="critical_rule_failed", held_at=story.tick()),
        VersionHeld(**waits, reason_code="awaiting_publication", held_at=story.tick()),
        DatasetRevised(
            **base, tags=("särme", "pm"), update_frequency="DAILY", languages=("en",), themes=("ENVI",),
            temporal=Temporal(start=date(2020, 1, 1)), doi="10.5072/x", revised_at=story.tick(),
        ),
        SchemaOverridden(**base, overrides=overrides, overridden_by=dataset, overridden_at=story.tick()),
        DatasetRevised(**base, cleared=("doi", "languages"), themes=("TRAN",), visibility="restricted",
                       revised_at=story.tick()),
        described(story, dataset, pm10="particles", station="where"),
        described(story, dataset, pm10="", station="where it stands"),
        RelationsStated(**base, relations=(related("references"), related("replaces")), stated_at=story.tick()),
        RelationsStated(**base, relations=(related("is_documented_by"),), stated_at=story.tick()),
        CollectionCurated(**shelf, curated_at=story.tick()),
        CollectionCurated(**shelf | {"title": "Another", "members": ()}, curated_at=story.tick()),
        CollectionCurated(**gone, curated_at=story.tick()),
        CollectionDissolved(
            collection_id=gone["collection_id"], institution_id=story.institution_id, dissolved_at=story.tick()
        ),
    ]  # fmt: skip


def granted(story: Any, base: dict[str, UUID], somebody: UUID) -> list[Event]:
    """Grants to accounts and groups: given, given again, taken back."""
    by = {"granted_by": somebody, "role": "reader"}
    again = {"role": "steward", "expires_at": story.tick(), "granted_at": story.tick()}
    group, other = uuid5(somebody, "group"), uuid5(somebody, "other")
    return [
        AccessGranted(**base, account_id=somebody, role="reader", granted_at=story.tick()),
        AccessGranted(**base | again, account_id=somebody),
        AccessGranted(**base, account_id=other, **by, granted_at=story.tick()),
        AccessRevoked(**base, account_id=other, revoked_at=story.tick()),
        GroupAccessGranted(**base, group_id=group, **by, granted_at=story.tick()),
        GroupAccessGranted(**base, group_id=other, **by, granted_at=story.tick()),
        GroupAccessRevoked(**base, group_id=other, revoked_at=story.tick(), revoked_by=somebody),
    ]


def ended(story: Any) -> list[Event]:
    """What became of versions: withdrawn, restored and withdrawn again; erased, and one that was never published."""
    first, second = (story.upload("air-quality", number) for number in range(2))
    base, gone = {"dataset_id": first.dataset_id}, {"original_erased": True, "reason_code": "personal_data"}
    served, erased = run_id(first.upload_id), run_id(second.upload_id)
    withdrawn = VersionWithdrawn(**base, version_id=served, reason_code="outdated", withdrawn_at=story.tick())
    return [
        *granted(story, base, first.uploaded_by),
        withdrawn,
        VersionRestored(**base, version_id=served, restored_at=story.tick(), restored_by=first.uploaded_by),
        withdrawn.model_copy(update={"withdrawn_at": story.tick(), "detail": "again"}),
        VersionErased(**base, version_id=erased, upload_id=second.upload_id, erased_at=story.tick(), **gone),
        ErasureCompleted(**base, version_id=erased, object_count=4, size_bytes=9, completed_at=story.tick()),
        VersionRestored(**base, version_id=erased, restored_at=story.tick(), restored_by=first.uploaded_by),
        VersionErased(
            **base, version_id=uuid5(erased, "never"), upload_id=uuid5(erased, "x"), erased_at=story.tick(), **gone
        ),
        DatasetErased(
            dataset_id=uuid5(erased, "empty"), reason_code="licence", reference="X 1", erased_at=story.tick(),
            erased_by=first.uploaded_by,
        ),
    ]  # fmt: skip


def described(story: Any, dataset: UUID, **columns: str) -> ColumnsDescribed:
    meanings = tuple(
        ColumnDescription(table="table 0", column=name, description=said) for name, said in columns.items()
    )
    return ColumnsDescribed(dataset_id=dataset, columns=meanings, described_at=story.tick())


def related(kind: Any) -> Relation:
    return Relation(kind=kind, url="https://example.org/other")


def rows_of(catalog: psycopg.Connection[Any]) -> dict[str, Any]:
    """Every row of every projection table, and of the view over them."""
    names = [model._meta.db_table for model in import_module("catalog_svc.projections.tables").projection_models()]
    return {
        name: catalog.execute(f"SELECT json_agg(t ORDER BY t::text) FROM {name} AS t").fetchone()
        for name in [*names, "upload_states"]
    }


def empty(catalog: psycopg.Connection[Any]) -> None:
    models = import_module("catalog_svc.projections.tables").projection_models()
    tables = ", ".join(model._meta.db_table for model in models)
    catalog.execute(f"TRUNCATE {tables}, stream_positions, parked_events")


def only_search(cursor: Cursor, envelopes: Sequence[Envelope]) -> None:
    """What a live catalog does after events, without the policies."""
    search.refresh(cursor, apply.datasets_of(envelopes), apply.institutions_of(envelopes))


@pytest.fixture
def history(
    catalog: psycopg.Connection[Any], catalog_url: str, story: Any, clock: Callable[[], datetime]
) -> list[Envelope]:
    """All events of a catalog that lived: those it was told, and its own."""
    envelopes = told(story)
    storage = Storage(
        lambda key: f"s3://bucket/{key}", lambda key, body: ObjectRef(key=key, sha256="0" * 64, size_bytes=len(body))
    )
    inbox = ProjectionInbox(catalog_url, reaction(storage, clock))
    inbox.receive(envelopes)
    said = [*stewarded(story, envelopes[2].event().dataset_id), *ended(story)]
    with catalog.cursor() as cursor:
        story.advance(said[0].stream, log.version_of(cursor, said[0].stream))
        more = story.enclose(*said)
        inbox.receive(more)
        inbox.close()
        cursor.execute("SELECT DISTINCT stream_id FROM events ORDER BY 1")
        own = [envelope for (stream,) in cursor.fetchall() for envelope in log.load(cursor, stream)]
    return [*envelopes, *own, *more]


def test_any_order_any_batches_and_any_duplicates_give_the_same_rows(
    catalog: psycopg.Connection[Any], catalog_url: str, history: list[Envelope]
) -> None:
    lived = rows_of(catalog)
    empties = [name for name, found in lived.items() if not (found and found[0])]
    assert not empties, "every table has rows, else this proves little"
    inbox = ProjectionInbox(catalog_url, only_search)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        order=st.permutations(range(len(history))),
        repeated=st.lists(st.integers(0, len(history) - 1), max_size=20),
        cuts=st.sets(st.integers(1, len(history)), max_size=12),
    )
    def replay(order: list[int], repeated: list[int], cuts: set[int]) -> None:
        empty(catalog)
        sequence = [history[index] for index in order]
        for position, index in enumerate(repeated):
            sequence.insert(position * 3, history[index])
        borders = [0, *sorted(cuts), len(sequence)]
        for begin, end in itertools.pairwise(borders):
            inbox.receive(sequence[begin:end])
        assert rows_of(catalog) == lived

    replay()
    inbox.close()


def test_reading_everything_again_changes_no_row(
    catalog: psycopg.Connection[Any], catalog_url: str, history: list[Envelope]
) -> None:
    lived = rows_of(catalog)
    versions = catalog.execute("SELECT xmin, * FROM versions ORDER BY version_id").fetchall()
    inbox = ProjectionInbox(catalog_url, only_search)
    inbox.receive(history)
    inbox.close()
    assert rows_of(catalog) == lived
    assert catalog.execute("SELECT xmin, * FROM versions ORDER BY version_id").fetchall() == versions
