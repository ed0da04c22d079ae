"""Uploads as facts and decisions. Pure: no I/O, no framework; time and ids come in as arguments."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Final, Literal
from uuid import UUID

from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.identity import dataset_id, institution_id
from dataplatform.events.ingest import UploadReceived, UploadRejected, UploadWithdrawn
from dataplatform.identity import Principal
from dataplatform_formats.detection import Detection, UnacceptableError

SERVICE: Final = "ingest-svc"
ORIGINALS: Final = "originals/"

State = Literal["received", "rejected", "withdrawn"]
WithdrawalReason = Literal["wrong_file", "outdated", "personal_data", "licence", "requested"]


class NotWithdrawableError(Exception):
    """A rejected upload left nothing that could be taken back."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Which dataset of which institution a file is for, and under which id."""

    upload_id: UUID
    institution: str
    dataset: str

    @property
    def institution_id(self) -> UUID:
        """The institution's id."""
        return institution_id(self.institution)

    @property
    def dataset_id(self) -> UUID:
        """The dataset's id."""
        return dataset_id(self.institution_id, self.dataset)

    @property
    def object_key(self) -> str:
        """Where the original is stored: made of slugs and ids only, never of a name that a client chose."""
        return f"{ORIGINALS}{self.institution}/{self.dataset}/{self.upload_id}/original"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that is stored whole: everything that is known about it before its format is judged."""

    destination: Destination
    original: ObjectRef
    file_name: str
    uploaded_by: UUID
    received_at: datetime


def announce(arrival: Arrival, outcome: Detection | UnacceptableError) -> UploadReceived | UploadRejected:
    """Return the event that tells of an arrival: received with its format, or rejected with the reason."""
    to = arrival.destination
    if isinstance(outcome, UnacceptableError):
        return UploadRejected(
            upload_id=to.upload_id,
            dataset_id=to.dataset_id,
            institution_id=to.institution_id,
            institution=to.institution,
            dataset=to.dataset,
            file_name=arrival.file_name,
            size_bytes=arrival.original.size_bytes,
            reason_code=outcome.code,
            detail=outcome.detail[:2000],
            rejected_at=arrival.received_at,
            uploaded_by=arrival.uploaded_by,
        )
    return UploadReceived(
        upload_id=to.upload_id,
        dataset_id=to.dataset_id,
        institution_id=to.institution_id,
        institution=to.institution,
        dataset=to.dataset,
        original=arrival.original,
        file_name=arrival.file_name,
        format=outcome.format,
        media_type=outcome.media_type,
        encoding=outcome.encoding,
        compression=outcome.compression,
        confidence=outcome.confidence,
        name_mismatch=outcome.name_mismatch,
        received_at=arrival.received_at,
        uploaded_by=arrival.uploaded_by,
    )


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as its stream tells it. `first` is how it began; `version` is the stream's."""

    first: UploadReceived | UploadRejected
    state: State
    version: int = 1
    withdrawal: UploadWithdrawn | None = None

    @property
    def size_bytes(self) -> int:
        """The bytes of the file as it came."""
        first = self.first
        return first.original.size_bytes if isinstance(first, UploadReceived) else first.size_bytes

    def may_be_seen_by(self, principal: Principal) -> bool:
        """Whether the upload exists for `principal`."""
        institution = self.first.institution
        return principal.knows(institution) and principal.may("reader", institution)

    def may_be_withdrawn_by(self, principal: Principal) -> bool:
        """Its uploader may take it back, and the institution's stewards."""
        own = principal.subject == self.first.uploaded_by and principal.may("uploader", self.first.institution)
        return own or principal.may("steward", self.first.institution)

    def may_be_processed_by(self, principal: Principal) -> bool:
        """Its uploader may have it processed again, and the institution's stewards."""
        return self.may_be_withdrawn_by(principal)

    def withdraw(self, principal: Principal, reason: WithdrawalReason, now: datetime) -> UploadWithdrawn | None:
        """Return the event of taking it back, or None if it was already; raises `NotWithdrawableError`."""
        if self.state == "withdrawn":
            return None
        if self.state == "rejected":
            raise NotWithdrawableError
        return UploadWithdrawn(
            upload_id=self.first.upload_id,
            dataset_id=self.first.dataset_id,
            reason_code=reason,
            withdrawn_at=now,
            withdrawn_by=principal.subject,
        )


def begin(event: UploadReceived | UploadRejected) -> Upload:
    """Return the upload that its first event tells of."""
    return Upload(event, "received" if isinstance(event, UploadReceived) else "rejected")


def evolve(upload: Upload | None, event: Event) -> Upload | None:
    """Return the upload after one more event of its stream."""
    match event:
        case UploadReceived() | UploadRejected():
            return begin(event)
        case UploadWithdrawn() if upload is not None:
            return replace(upload, state="withdrawn", version=upload.version + 1, withdrawal=event)
    return replace(upload, version=upload.version + 1) if upload is not None else None


def fold(events: Iterable[Event]) -> Upload | None:
    """Return the upload that a whole stream tells of; None for an empty one."""
    start: Upload | None = None
    return reduce(evolve, events, start)
