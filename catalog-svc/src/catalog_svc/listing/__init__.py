"""What may be asked of a list: `field[operator]=value`, `sort=`, `fields=`, pages. One implementation for every list.

A list declares its `Listing` once; the operation shows it in the API document, asks it what a request wants, and has it
cut the page: from a query of the database (`Asked.page`) or from what is in memory already (`Asked.page_of`).
"""

from catalog_svc.listing.asking import Asked, Found, Listing
from catalog_svc.listing.fields import Field, boolean, code, codes, integer, moment, number, text, unique

__all__ = [
    "Asked",
    "Field",
    "Found",
    "Listing",
    "boolean",
    "code",
    "codes",
    "integer",
    "moment",
    "number",
    "text",
    "unique",
]
