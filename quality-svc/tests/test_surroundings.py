"""What a version's surroundings say of it: lineage, arrivals, tables of other datasets, its contract's alerts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pyarrow as pa
import pytest

from dataplatform.contracts import read_contract
from dataplatform.events.base import Event, ObjectRef, Origin
from dataplatform.events.catalog import (
    ContractDefined,
    DatasetRevised,
    PublishedTable,
    VersionErased,
    VersionPublished,
    VersionRestored,
    VersionWithdrawn,
)
from dataplatform.events.identity import dataset_id, institution_id, run_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import AlertRaised, AlertResolved, AssessmentCompleted, ExaminationCompleted, OpenAlert
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context, enclose
from dataplatform.storage import ObjectStore
from quality_svc import domain, examinations, history
from quality_svc.consumer import dispatcher
from quality_svc.contracts.declared import declared_of, frequency_of
from quality_svc.contracts.foreign import tables_of
from quality_svc.holding import held
from quality_svc.references import chosen, foreign_table, split_reference
from quality_svc.settings import QualitySettings
from quality_svc.worker import Assessor, sandbox_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MakeRun = Callable[..., Awaitable[RunCompleted]]
CAUSE = Context(UUID(int=5), UUID(int=6))
ORDERS, CITIES = (dataset_id(institution_id("town"), slug) for slug in ("orders", "cities"))
CONTRACT = """
{apiVersion: v3.1.0, kind: DataContract, id: c, version: "1", status: active, schema: [{name: t, properties: [
  {name: city, description: Where to, relationships: [{to: "cities.yaml#/schema/places/properties/Code"}]},
  {name: price, logicalType: number, required: true, logicalTypeOptions: {minimum: 0, maximum: 100}}]}],
  slaProperties: [{property: frequency, value: 7, unit: d}]}
"""


def test_a_reference_names_a_table_of_another_dataset_of_the_same_institution() -> None:
    assert split_reference("cities.yaml#/schema/places/properties/code") == ("cities.yaml#/schema/places", "code")
    assert split_reference("places.code") is None
    assert split_reference("https://x.org/cities.yaml#/schema/places/properties/code") is None
    assert split_reference("../cities.yaml#/schema/places/properties/code") is None
    found = foreign_table("town/cities.yaml#schema/places")
    assert found is not None
    assert (found.institution, found.dataset, found.table) == ("town", "cities", "places")
    assert chosen("places", ["Places!", "other"]) == 0
    assert chosen("places", ["anything"]) == 0
    assert chosen("places", ["one", "two"]) is None


def test_a_contract_declares_ranges_meanings_and_how_often_versions_come() -> None:
    contract = read_contract(CONTRACT.encode())
    assert tables_of(contract) == ["cities.yaml#/schema/places"]
    assert frequency_of(contract) == 7 * 86_400
    declared = declared_of(contract, "t", ["City", "price"])
    assert declared["descriptions"] == {"City": "Where to"}
    assert (declared["ranges"]["price"].least, declared["ranges"]["price"].greatest) == ("0", "100")
    assert declared["references"] == (), "the other table is not at hand"


@pytest.fixture
async def sandbox(settings: QualitySettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


@pytest.fixture
def worker(
    settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> Worker:
    (tmp_path / "work").mkdir()
    assessor = Assessor(
        settings,
        store,
        sandbox,
        tmp_path / "work",
        lambda: NOW,
        contract_of=partial(held, pool),
        past_of=partial(history.past_of, pool),
        tables_of=partial(history.newest_tables, pool),
    )
    return Worker(pool, settings.database_url, domain.QUEUE, assessor.perform, assessor.conclude_failure)


@pytest.fixture
def tell(settings: QualitySettings, pool: asyncpg.Pool) -> Callable[..., Awaitable[None]]:
    """Applies events as the consumer does."""
    dispatch = dispatcher(settings)

    async def apply(*events: Event) -> None:
        async with pool.acquire() as connection, connection.transaction():
            for event in events:
                await dispatch.apply(connection, enclose([event], 0, service="test", now=NOW, context=CAUSE))

    return apply


def of(run: RunCompleted, dataset: str, days: int) -> RunCompleted:
    """Return the run as one of this dataset, made so many days later from an upload of its own."""
    upload = uuid4()
    return run.model_copy(
        update={
            "dataset_id": dataset_id(institution_id("town"), dataset),
            "upload_id": upload,
            "run_id": run_id(upload),
            "original": run.original.model_copy(update={"key": f"originals/town/{dataset}/x/y"}),
            "completed_at": NOW + timedelta(days=days),
        }
    )


def published(run: RunCompleted, number: int = 1) -> VersionPublished:
    table = run.tables[0]
    return VersionPublished(
        dataset_id=run.dataset_id,
        institution_id=institution_id("town"),
        institution="town",
        dataset="cities",
        version_id=run.run_id,
        number=number,
        upload_id=run.upload_id,
        run_id=run.run_id,
        assessment_id=UUID(int=1),
        original=run.original,
        format="csv",
        handler="csv",
        handler_version="1",
        tables=(
            PublishedTable(
                table_id=table.table_id,
                index=0,
                name="Places",
                origin=Origin(),
                uris=(),
                parts=table.parts,
                row_count=table.row_count,
                column_count=table.column_count,
                columns=(),
            ),
        ),
        table_count=1,
        published_at=NOW,
    )


def orders(cities: list[str], prices: list[float | None]) -> pa.Table:
    return pa.table({"city": cities, "price": prices, "computed": list(range(len(cities)))})


async def outcome(pool: asyncpg.Pool, run: RunCompleted) -> AssessmentCompleted:
    async with pool.acquire() as connection:
        (envelope,) = await log.load(connection, f"assessment:{domain.dedup_key(run)}")
    event = envelope.event()
    assert isinstance(event, AssessmentCompleted)
    return event


async def told(pool: asyncpg.Pool, *types: type[Event]) -> list[Any]:
    async with pool.acquire() as connection:
        streams = await connection.fetch("SELECT DISTINCT stream_id FROM events WHERE stream_id LIKE 'alert:%'")
        found = [envelope.event() for row in streams for envelope in await log.load(connection, row["stream_id"])]
    return [event for event in found if isinstance(event, types)]


async def with_contract(store: ObjectStore, tmp_path: Path) -> ContractDefined:
    document = tmp_path / "contract.yaml"
    document.write_text(CONTRACT)
    stored = await store.put_file(f"contracts/{ORDERS}/x", document)
    reference = ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)
    return ContractDefined(dataset_id=ORDERS, contract=reference, defined_by=UUID(int=1), defined_at=NOW)


@pytest.mark.integration
async def test_lineage_arrivals_and_references_to_other_datasets_are_measured_and_failures_alert(
    worker: Worker, tell: Any, pool: asyncpg.Pool, store: ObjectStore, make_run: MakeRun, tmp_path: Path
) -> None:
    cities = of(await make_run([pa.table({"code": ["ams", "rtm"]})]), "cities", 0)
    gone = of(await make_run([pa.table({"code": ["ams", "rtm", "xxx"]})]), "cities", 0)
    late = VersionWithdrawn(dataset_id=CITIES, version_id=gone.run_id, reason_code="wrong", withdrawn_at=NOW)
    await tell(published(cities), published(gone, 2), late, await with_contract(store, tmp_path))
    plan: list[tuple[int, list[str], list[float | None]]] = [
        (0, ["ams", "rtm", "xxx"], [1.0, None, 300.0]),
        (5, ["ams", "rtm", "xxx"], [1.0, None, 3.0]),
        (30, ["ams", "rtm", "ams"], [1.0, 2.0, 3.0]),
    ]
    runs = []
    for days, places, prices in plan:
        runs.append(of(await make_run([orders(places, prices)]), "orders", days))
        await tell(runs[-1])
        assert await worker.run_one()
    first, second, third = [await outcome(pool, run) for run in runs]
    shares = {measure.name: (measure.numerator, measure.denominator) for measure in first.measures}
    assert shares["traceability_values"] == (5, 8), "the computed column has no place in the original"
    assert shares["consistency_references"] == (2, 3), "the withdrawn version of the cities is not referred to"
    assert shares["accuracy_range"] == (1, 2)
    assert shares["understandability_descriptions"] == (1, 3)
    assert not {"timeliness_arrivals", "credibility_values"} & shares.keys(), "one arrival has no pause"
    later = {measure.name: (measure.numerator, measure.denominator) for measure in third.measures}
    assert later["timeliness_arrivals"] == (1, 2), "seven days are declared; there were five and twenty-five"
    raised = await told(pool, AlertRaised)
    assert {(alert.kind, alert.severity, alert.run_id) for alert in raised} == {
        ("critical_rule_failed", "critical", runs[0].run_id),
        ("rule_failed", "warning", runs[2].run_id),
    }, "two versions in a row that fail raise it once; the third only came late"
    assert len(raised) == 2
    assert second.rules is not None
    assert third.rules is not None
    assert (second.rules.critical_failed, third.rules.critical_failed) == (2, 0)
    broken = {alert.kind: alert.alert_id for alert in raised}
    assert [event.alert_id for event in await told(pool, AlertResolved)] == [broken["critical_rule_failed"]]


@pytest.mark.integration
async def test_the_frequency_is_the_stewards_where_no_contract_states_one(
    tell: Any, pool: asyncpg.Pool, make_run: MakeRun
) -> None:
    run = of(await make_run([pa.table({"a": [1]})]), "orders", 40)
    before = run.model_copy(update={"completed_at": NOW, "upload_id": uuid4(), "run_id": uuid4()})
    again = before.model_copy(update={"completed_at": NOW + timedelta(days=20), "run_id": uuid4()})
    revised = DatasetRevised(dataset_id=ORDERS, update_frequency="MONTHLY", revised_at=NOW)
    await tell(again, before, run, revised)
    past = await history.past_of(pool, run)
    assert past == history.Past((NOW, NOW + timedelta(days=40)), 31 * 86_400), "made again is not a new arrival"
    await tell(DatasetRevised(dataset_id=ORDERS, cleared=("update_frequency",), revised_at=NOW))
    assert (await history.past_of(pool, run)).frequency_seconds is None


@pytest.mark.integration
async def test_withdrawn_and_erased_versions_are_not_compared_with_until_restored(
    tell: Any, pool: asyncpg.Pool, settings: QualitySettings
) -> None:
    first, second = UUID(int=1), UUID(int=2)
    await tell(
        VersionWithdrawn(dataset_id=ORDERS, version_id=first, reason_code="wrong", withdrawn_at=NOW),
        VersionErased(
            dataset_id=ORDERS,
            version_id=second,
            upload_id=first,
            original_erased=True,
            reason_code="asked",
            erased_at=NOW,
        ),
    )
    assert await history.withdrawn_among(pool, [first, second, UUID(int=3)]) == {first, second}
    await tell(VersionRestored(dataset_id=ORDERS, version_id=first, restored_at=NOW, restored_by=UUID(int=9)))
    assert await history.withdrawn_among(pool, [first, second]) == {second}


@pytest.mark.integration
async def test_a_version_is_compared_with_the_newest_one_that_is_served(make_run: MakeRun) -> None:
    reference = ObjectRef(key="x", sha256="0" * 64, size_bytes=1)
    alert = OpenAlert(alert_id=UUID(int=4), kind="lost_period", severity="critical")

    def examined(number: int, *alerts: OpenAlert) -> ExaminationCompleted:
        return ExaminationCompleted(
            dataset_id=ORDERS,
            examination_id=UUID(int=3),
            run_id=UUID(int=number),
            document=reference,
            signature=reference.model_copy(update={"key": f"signature-{number}"}),
            alerts=alerts,
            made_at=NOW + timedelta(days=number),
            completed_at=NOW,
        )

    run = of(await make_run([pa.table({"a": [1]})]), "orders", 9)
    earlier = examinations.earlier_than([examined(1), examined(2, alert)], run, frozenset({UUID(int=2)}))
    assert [signature.key for signature in earlier.signatures] == ["signature-1"]
    assert earlier.previous == examined(1)
    assert earlier.open_alerts == (alert,), "what a withdrawn version raised is still open"


@pytest.mark.integration
async def test_of_an_erased_version_nothing_is_kept_but_its_id_and_its_jobs_are_taken_back(
    tell: Any, pool: asyncpg.Pool, make_run: MakeRun
) -> None:
    run = await make_run([pa.table({"a": [1]})])
    await tell(run)
    assert await pool.fetchval("SELECT count(*) FROM jobs WHERE state = 'ready'") == 1
    gone = {"version_id": run.run_id, "upload_id": run.upload_id, "original_erased": True, "reason_code": "asked"}
    await tell(VersionErased(dataset_id=run.dataset_id, erased_at=NOW, **gone))
    assert await pool.fetchval("SELECT count(*) FROM jobs WHERE state IN ('ready', 'running')") == 0
    assert await pool.fetchval("SELECT count(*) FROM published") == 0
