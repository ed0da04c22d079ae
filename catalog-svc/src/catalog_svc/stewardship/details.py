"""What a description says of a dataset beyond its own row, as the REST interface shows it."""

from typing import Annotated, Any, Literal, Self

from ninja import Schema
from pydantic import Field, StringConstraints, model_validator

from catalog_svc.stewardship.models import Attribution, DatasetDetails
from dataplatform.events.catalog import Address, Spatial, Temporal

PlainText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s\x00]{1,64}@[^@\s\x00]{1,190}$", max_length=255)]


class ContactPoint(Schema):
    """Whom to ask about a dataset: better an office than a person."""

    name: Annotated[PlainText, Field(max_length=255)] | None = None
    email: Email | None = None
    url: Address | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.name or self.email or self.url):
            raise ValueError("a contact has a name, an email or an address")
        return self


class Creator(Schema):
    """Who made the data."""

    name: Annotated[PlainText, Field(min_length=1, max_length=255, description="A person's as `Family, Given`")]
    kind: Literal["organization", "person"] = "organization"
    identifier: Annotated[Address | None, Field(description="An address of ORCID or ROR")] = None
    affiliation: Annotated[PlainText, Field(max_length=255)] | None = None


class DetailsOut(Schema):
    """What stewards said of a dataset."""

    update_frequency: str | None = Field(description="A code of the EU's frequencies")
    languages: list[str] = Field(description="BCP 47")
    themes: list[str] = Field(description="Codes of the EU's data themes")
    spatial: Spatial | None
    temporal: Temporal | None
    landing_page: str | None
    doi: str | None
    contact: ContactPoint | None
    creators: list[Creator] = Field(description="None: the institution itself")
    overridden: bool = Field(description="Whether its schema has sticky overrides")


def details_out(details: DatasetDetails, attribution: Attribution) -> dict[str, Any]:
    """Return the representation of what stewards said of a dataset."""
    found = {name: getattr(details, name) for name in DetailsOut.model_fields if hasattr(details, name)}
    overridden = details.overrides is not None
    return found | {"contact": attribution.contact, "creators": attribution.creators, "overridden": overridden}
