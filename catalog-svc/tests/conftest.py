"""One migrated database for the whole run, emptied after each test; Django is set up on it once."""

import hashlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid5

import django
import httpx
import psycopg
import pytest
from asgiref.sync import SyncToAsync
from django.db import connection as django_connection

from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.projections.policy import Storage
from catalog_svc.projections.writing import reaction
from catalog_svc.settings import settings
from dataplatform.events import identity
from dataplatform.events.base import Column, Event, ObjectRef, Origin
from dataplatform.events.ingest import UploadReceived, UploadRejected, UploadWithdrawn
from dataplatform.events.processing import RunCompleted, RunFailed, RunStarted, TableStandardized, TableSummary
from dataplatform.events.quality import (
    AlertAcknowledged,
    AlertRaised,
    AlertResolved,
    AnomalyCount,
    AssessmentCompleted,
    ExaminationCompleted,
    ExaminationFailed,
    Suitability,
)
from dataplatform.log.envelope import Context, Envelope, enclose
from dataplatform.telemetry import Health

SECRET = "a secret of at least thirty-two characters"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalog_url(postgres_server: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a migrated database; Django is set up for it, with a folder as object store."""
    url = str(postgres_server.create_database())
    folder = tmp_path_factory.mktemp("objects")
    os.environ |= {
        "DATAPLATFORM_DATABASE_URL": url,
        "DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "DATAPLATFORM_OBJECT_STORE_URL": f"file://{folder}",
        "DATAPLATFORM_SECRET_KEY": SECRET,
        "DATAPLATFORM_ALLOWED_HOSTS": "testserver,127.0.0.1",
        "DATAPLATFORM_ISSUER": "http://issuer.test",
        "DJANGO_SETTINGS_MODULE": "catalog_svc.django_settings",
    }
    django.setup()
    # what has models in it can be imported only now
    import_module("catalog_svc.migrating").migrate(settings())
    return url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the catalog's database; all in it, and in the folder of objects, is gone after the test."""
    _disconnect()
    with psycopg.connect(catalog_url, autocommit=True) as connection:
        yield connection
        names = connection.execute(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT LIKE '%yoyo%' AND tablename NOT IN ('django_migrations', 'django_content_type')"
        ).fetchone()
        assert names
        with connection.transaction():
            # only the owner of the table can take its guard away
            connection.execute("ALTER TABLE audit_entries DISABLE TRIGGER USER")
            connection.execute(f"TRUNCATE {names[0]}")
            connection.execute("ALTER TABLE audit_entries ENABLE TRIGGER USER")
    for folder in objects_folder_of().iterdir():
        shutil.rmtree(folder)
    _disconnect()


def _disconnect() -> None:
    """Close Django's connections, of this thread and of the one that `sync_to_async` works in.

    They would outlive the test, and a test of another package may restart the server in between.
    """
    django_connection.close()
    SyncToAsync.single_thread_executor.submit(lambda: django_connection.close()).result()  # noqa: PLW0108 - its own


@pytest.fixture
def objects_folder(catalog_url: str) -> Path:
    """The folder that is the object store."""
    return objects_folder_of()


def objects_folder_of() -> Path:
    return Path(os.environ["DATAPLATFORM_OBJECT_STORE_URL"].removeprefix("file://"))


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that stands still."""
    return lambda: NOW


class Story:
    """Makes the envelopes that the services would make for uploads of one institution."""

    def __init__(self, institution: str = "demo") -> None:
        self.institution = institution
        self.traceparent: str | None = None
        self.correlation_id = uuid5(identity.NAMESPACE, "a story")
        self.institution_id = identity.institution_id(institution)
        self._versions: dict[str, int] = {}
        self._ticks = itertools.count()

    def advance(self, stream: str, version: int) -> None:
        """Say that a stream has come to a version in another way."""
        self._versions[stream] = version

    def tick(self) -> datetime:
        return NOW + timedelta(seconds=next(self._ticks))

    def enclose(self, *events: Event) -> list[Envelope]:
        """Give events the next versions of their streams."""
        made = []
        for event in events:
            after = self._versions.get(event.stream, 0)
            context = Context(self.correlation_id, None, self.traceparent)
            made += enclose([event], after, service="test", now=self.tick(), context=context)
            self._versions[event.stream] = after + 1
        return made

    def upload(self, dataset: str = "air-quality", number: int = 1, **changes: Any) -> UploadReceived:
        upload_id = uuid5(self.institution_id, f"{dataset}/{number}")
        return UploadReceived(
            **{
                "dataset_id": identity.dataset_id(self.institution_id, dataset),
                "upload_id": upload_id,
                "institution_id": self.institution_id,
                "institution": self.institution,
                "dataset": dataset,
                "original": reference(f"originals/{self.institution}/{dataset}/{upload_id}/original"),
                "file_name": f"{dataset}.csv",
                "format": "csv",
                "media_type": "text/csv",
                "received_at": self.tick(),
                "uploaded_by": uuid5(self.institution_id, "somebody"),
                **changes,
            }
        )

    def run(
        self, upload: UploadReceived, *, tables: int = 1, columns: tuple[str, ...] = ("station", "pm10")
    ) -> list[Event]:
        run = identity.run_id(upload.upload_id)
        base = {"dataset_id": upload.dataset_id, "run_id": run, "upload_id": upload.upload_id}
        handler = {"handler": "csv", "handler_version": "1"}
        made = [
            TableStandardized(
                **base,
                table_id=identity.table_id(run, index),
                index=index,
                name=f"table {index}",
                origin=Origin(),
                parts=(reference(f"tables/{upload.dataset_id}/{run}/1/{index}/part-00000.parquet"),),
                row_count=3,
                column_count=len(columns),
                columns=tuple(Column(name=name, position=at, type="string") for at, name in enumerate(columns)),
            )
            for index in range(tables)
        ]
        summaries = tuple(TableSummary.model_validate(table.model_dump()) for table in made)
        return [
            RunStarted(**base, **handler, started_at=self.tick()),
            *made,
            RunCompleted(**base, **handler, original=upload.original, tables=summaries, completed_at=self.tick()),
        ]

    def run_failed(self, upload: UploadReceived, reason: str = "table_not_found") -> RunFailed:
        return RunFailed(
            dataset_id=upload.dataset_id,
            run_id=identity.run_id(upload.upload_id),
            upload_id=upload.upload_id,
            reason_code=reason,
            detail="line 3 says 'secret'",
            attempts=1,
            failed_at=self.tick(),
        )

    def assessment(self, upload: UploadReceived, overall: float = 0.9) -> AssessmentCompleted:
        run = identity.run_id(upload.upload_id)
        return AssessmentCompleted(
            dataset_id=upload.dataset_id,
            assessment_id=identity.assessment_id(run),
            run_id=run,
            profile=reference(f"profiles/{upload.dataset_id}/{run}/1/profile.json"),
            overall=overall,
            completed_at=self.tick(),
        )

    def examination(self, upload: UploadReceived, body: bytes = b"{}") -> ExaminationCompleted:
        run = identity.run_id(upload.upload_id)
        return ExaminationCompleted(
            dataset_id=upload.dataset_id,
            examination_id=identity.examination_id(upload.dataset_id),
            run_id=run,
            document=reference(f"examinations/{upload.dataset_id}/{run}/1/examination.json", body),
            suitability=(Suitability(task="reporting", verdict="suitable", score=0.8),),
            anomalies=(AnomalyCount(kind="typo", count=2),),
            drift="drifted",
            compared_with=uuid5(run, "before"),
            made_at=self.tick(),
            completed_at=self.tick(),
        )

    def examination_failed(self, upload: UploadReceived) -> ExaminationFailed:
        return ExaminationFailed(
            dataset_id=upload.dataset_id,
            examination_id=identity.examination_id(upload.dataset_id),
            run_id=identity.run_id(upload.upload_id),
            reason_code="timed_out",
            attempts=3,
            failed_at=self.tick(),
        )

    def alert(self, upload: UploadReceived, subject: str = "table 0/pm10") -> list[Event]:
        """An alert raised, acknowledged, resolved and raised again."""
        alert = identity.alert_id(upload.dataset_id, "distribution", subject)
        base = {"dataset_id": upload.dataset_id, "alert_id": alert}
        raised = AlertRaised(
            **base, kind="distribution", severity="warning", subject=subject, raised_at=self.tick(),
            run_id=identity.run_id(upload.upload_id),
        )  # fmt: skip
        return [
            raised,
            AlertAcknowledged(**base, acknowledged_by=upload.uploaded_by, acknowledged_at=self.tick()),
            AlertResolved(**base, reason_code="clean_version", resolved_at=self.tick()),
            raised.model_copy(update={"raised_at": self.tick()}),
        ]

    def withdrawal(self, upload: UploadReceived) -> UploadWithdrawn:
        return UploadWithdrawn(
            dataset_id=upload.dataset_id,
            upload_id=upload.upload_id,
            reason_code="owner_request",
            withdrawn_at=self.tick(),
            withdrawn_by=upload.uploaded_by,
        )

    def rejection(self, dataset: str = "air-quality", number: int = 99) -> UploadRejected:
        return UploadRejected(
            dataset_id=identity.dataset_id(self.institution_id, dataset),
            upload_id=uuid5(self.institution_id, f"{dataset}/{number}"),
            institution_id=self.institution_id,
            institution=self.institution,
            dataset=dataset,
            file_name="empty.csv",
            size_bytes=0,
            reason_code="empty_file",
            rejected_at=self.tick(),
            uploaded_by=uuid5(self.institution_id, "somebody"),
        )

    def published(self, dataset: str = "air-quality", number: int = 1, **options: Any) -> list[Envelope]:
        """An upload with everything that makes the catalog publish it."""
        upload = self.upload(dataset, number)
        return self.enclose(upload, *self.run(upload, **options), self.assessment(upload))


def reference(key: str, body: bytes = b"of some size") -> ObjectRef:
    return ObjectRef(key=key, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body))


@pytest.fixture
def story() -> Story:
    """The institution `demo` and what happens to its uploads."""
    return Story()


@pytest.fixture
def make_story() -> type[Story]:
    """Stories of other institutions."""
    return Story


@pytest.fixture
def make_reference() -> Callable[..., ObjectRef]:
    """A reference to an object, by key and body."""
    return reference


@pytest.fixture
def inbox(
    catalog: psycopg.Connection[Any], catalog_url: str, clock: Callable[[], datetime]
) -> Iterator[ProjectionInbox]:
    """The catalog's inbox on the test database; manifests go nowhere but into a reference."""
    made = ProjectionInbox(catalog_url, reaction(Storage(lambda key: f"s3://bucket/{key}", reference), clock))
    yield made
    made.close()


@pytest.fixture
async def client(catalog: psycopg.Connection[Any]) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the whole application, as `web` and `data` serve it, without a socket between."""
    app = import_module("catalog_svc.serving").application(Health())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as made:
        yield made
    await import_module("catalog_svc.objects").documents.close()
    import_module("catalog_svc.access.principals").verifier.cache_clear()


def off_the_loop(work: Callable[[], Any]) -> Any:
    """Django's ORM refuses to work where an event loop runs, as it does in async tests."""
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(work).result()
        finally:
            thread.submit(lambda: django_connection.close()).result()  # noqa: PLW0108 - of that thread


PASSWORD = "correct horse battery staple"


@pytest.fixture
def make_account(catalog: psycopg.Connection[Any]) -> Callable[..., Any]:
    """Make an account with roles by institution; returns it."""

    def make(username: str, *, is_admin: bool = False, **roles: str) -> Any:
        accounts, institutions = (import_module(f"catalog_svc.{app}.services") for app in ("accounts", "institutions"))
        account = accounts.create(username, PASSWORD, now=NOW - timedelta(days=9), is_admin=is_admin)
        for slug, role in roles.items():
            institutions.enrol(account, slug, [role])
        return account

    return lambda *names, **options: off_the_loop(lambda: make(*names, **options))


@pytest.fixture
def make_token(make_account: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """Make an account with roles by institution; returns the header that its token goes in."""
    tokens = import_module("catalog_svc.accounts.tokens")

    def make(username: str, *, is_admin: bool = False, **roles: str) -> dict[str, str]:
        account = make_account(username, is_admin=is_admin, **roles)
        options = {"issuer": "http://issuer.test", "secret": SECRET, "lifetime": timedelta(hours=1)}
        token = off_the_loop(lambda: tokens.issue(account, now=datetime.now(UTC), **options))
        return {"Authorization": f"Bearer {token}"}

    return make
