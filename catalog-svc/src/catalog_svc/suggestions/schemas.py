"""What the operations on suggestions return."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

State = Literal["open", "accepted", "refused"]


class SuggestionOut(Schema):
    """A rule that holds for the newest version examined, and may hold for the next ones."""

    suggestion_id: UUID
    table: str
    column: str | None = Field(description="Absent where the rule is about the table, or several columns")
    rule: dict[str, Any]
    evidence: dict[str, Any] = Field(description="The facts of the profile that it rests on")
    confidence: float = Field(description="The chance that the next row keeps it, were it drawn like those seen")
    clause: dict[str, Any] = Field(description="What the contract would say: an entry of `quality` in ODCS")
    state: State
    decided_at: datetime | None = None
    version_id: UUID = Field(description="The version that it was suggested from")
