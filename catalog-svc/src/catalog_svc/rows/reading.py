"""What every operation on the rows of a table begins with: the table, if the caller may see it, files and columns."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Table
from catalog_svc.objects import documents
from catalog_svc.rows import selection
from catalog_svc.rows.engine import ColumnType, Engine, paths
from catalog_svc.rows.exports import Result
from catalog_svc.rows.language import Selection, from_parameters
from catalog_svc.rows.selection import Chosen, Query
from catalog_svc.settings import settings
from catalog_svc.versions import asof


@cache
def engine() -> Engine:
    """Return the engine of this process."""
    return Engine(settings())


@dataclass(frozen=True, slots=True)
class Source:
    """A table that the caller may see: its row in the catalog, its files, its columns as DuckDB reads them."""

    table: Table
    uris: list[str]
    columns: list[ColumnType]

    @property
    def paths(self) -> list[str]:
        """The files as DuckDB calls them."""
        return paths(self.uris)

    def choose(self, asked: Selection) -> Chosen:
        """Check a selection against the table; raises 422 problems."""
        return selection.choose(asked, self.columns, str(self.table.table_id))

    def result(self, chosen: Chosen, query: Query) -> Result:
        """Return a query of the chosen columns with their types."""
        return Result(query, [self.columns[position].type for position in chosen.positions])


async def source_of(request: HttpRequest, table_id: UUID) -> Source:
    """Return the table; raises 404 where it is not there for the caller, 410 for a withdrawn version."""
    return await opened(await table_of(request, table_id))


async def table_of(request: HttpRequest, table_id: UUID) -> Table:
    """Return the table as the catalog knows it; raises 404 where it is not there for the caller, 410 if withdrawn."""
    return await sync_to_async(_table)(request, table_id)


async def opened(table: Table) -> Source:
    """Return the table with its files and columns; raises `object_gone` where they are not stored any more."""
    store = await documents.store()
    uris = [store.uri(part["key"]) for part in table.parts]
    return Source(table, uris, await engine().columns(uris))


def asked_by(request: HttpRequest, reserved: Iterable[str] = ()) -> Selection:
    """Return what the query string asks; `reserved` parameters mean something else. Raises 422 problems."""
    return from_parameters(request.GET.lists(), frozenset({"limit", "offset", "cursor", "as_of", *reserved}))


def attachment(
    pieces: AsyncIterator[bytes],
    name: str,
    content_type: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> StreamingHttpResponse:
    """Return a response that a browser keeps as the file `name`."""
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(
        pieces,
        status=status,
        content_type=content_type,
        headers={**(headers or {}), "Content-Disposition": disposition},
    )


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Read the first piece, so that what fails before it is a problem document and no broken file; return them all."""
    first = await anext(pieces, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()


def _table(request: HttpRequest, table_id: UUID) -> Table:
    principal = principals.principal_of(request)
    return selectors.table(principal, table_id, asof.moment_of(request, principal))
