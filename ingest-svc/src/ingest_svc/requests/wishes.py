"""What a client may wish for, checked before anything is decided."""

import codecs
import hashlib
import json
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from dataplatform.events.base import ParseOptions
from dataplatform.events.identity import Slug

MAX_NAMED_COLUMNS = 2000
MAX_PAGE = 1_000_000
VersionText = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}$")]


class Options(ParseOptions):
    """How the file is to be read; what is absent is found in the file itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding_of_text(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                found = codecs.lookup(name)
            except (LookupError, ValueError) as error:
                raise ValueError("no encoding of this name is known") from error
            if not getattr(found, "_is_text_encoding", True):
                raise ValueError("this is no encoding of text")
        return name

    @field_validator("delimiter", "quote")
    @classmethod
    def _separates_no_lines(cls, text: str | None) -> str | None:
        if text and any(character in text for character in "\r\n\0"):
            raise ValueError("a line break or NUL cannot separate or quote fields")
        return text

    @field_validator("sheet")
    @classmethod
    def _is_printable(cls, name: str | None) -> str | None:
        if name is not None and "\0" in name:
            raise ValueError("a sheet's name has no NUL")
        return name

    @field_validator("header_row")
    @classmethod
    def _is_a_row(cls, row: int | None) -> int | None:
        if row is not None and row >= 2**31:
            raise ValueError("no file has so many rows before its header")
        return row

    @field_validator("pages")
    @classmethod
    def _are_pages(cls, pages: str | None) -> str | None:
        for part in (pages or "").split(",") if pages else ():
            first, _, last = part.partition("-")
            if len(part) > 20 or not 1 <= int(first) <= int(last or first) <= MAX_PAGE:  # noqa: PLR2004
                raise ValueError("pages count from 1, and a range goes upwards")
        return pages

    @field_validator("types", "names")
    @classmethod
    def _are_few_and_short(cls, named: dict[str, str]) -> dict[str, str]:
        if len(named) > MAX_NAMED_COLUMNS or any(len(one) > 255 for pair in named.items() for one in pair):  # noqa: PLR2004
            raise ValueError(f"at most {MAX_NAMED_COLUMNS} columns are named, with at most 255 characters each")
        if any("\0" in one for pair in named.items() for one in pair):
            raise ValueError("a column's name or type has no NUL")
        return named


class Wish(BaseModel):
    """What is to be processed again: one upload, or with `institution` and `dataset` all its current uploads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upload_id: UUID | None = Field(default=None, description="This upload alone")
    institution: Slug | None = Field(default=None, description="With `dataset`: all its current uploads")
    dataset: Slug | None = None
    options: Options = Options()
    handler_version: VersionText | None = Field(
        default=None,
        description="Only this version of the handler may do it; of a dataset, what it has made already is skipped",
    )

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        whole = self.institution is not None and self.dataset is not None
        part = self.institution is not None or self.dataset is not None
        if (self.upload_id is not None) == part or part != whole:
            raise ValueError("name either `upload_id`, or `institution` and `dataset`")
        return self

    @property
    def fingerprint(self) -> str:
        """What tells one wish from another, for a client that repeats itself."""
        text = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
