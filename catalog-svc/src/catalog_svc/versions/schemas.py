"""What the REST interface takes and tells about the end of versions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from dataplatform.events.catalog import CaseReference

WithdrawalReason = Literal["wrong_file", "outdated", "personal_data", "licence", "requested"]
ErasureReason = Literal["personal_data", "licence", "court_order", "security", "wrong_file", "requested"]
Detail = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]


class WithdrawalIn(Schema):
    """Why a version is served no more."""

    reason: WithdrawalReason = Field(examples=["outdated"])
    detail: Detail = Field(default="", description="For readers; no names of people: it stays in the log")


class ErasureIn(Schema):
    """Why a version goes for ever."""

    reason: ErasureReason = Field(examples=["personal_data"])
    reference: CaseReference | None = Field(
        default=None,
        description="Number of a case or a ticket; no words: it stays in the log",
        examples=["DPO-2026/17"],
    )


class DatasetErasureIn(ErasureIn):
    """Why everything in a dataset goes for ever, and its name once more."""

    confirm: str = Field(
        max_length=130,
        description="`<institution>/<dataset>`, so that nobody does it by mistake",
        examples=["demo/air"],
    )


class ErasureOut(Schema):
    """An erasure: a tombstone from the moment it was ordered; `completed_at` once the objects are gone."""

    erasure_id: UUID
    dataset_id: UUID
    version_id: UUID | None = Field(description="Null: everything in the dataset")
    original_erased: bool = Field(description="False where another version is made of the same original")
    reason_code: str
    reference: str
    erased_at: datetime
    completed_at: datetime | None = Field(description="Null while objects are still being deleted")
    object_count: int | None
