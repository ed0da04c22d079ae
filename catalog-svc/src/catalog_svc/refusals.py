"""Which problems an operation may answer, for its OpenAPI description; what each means is in `pages.problems`."""

from collections import defaultdict
from typing import Any

from catalog_svc.pages.problems import EXPLANATIONS
from dataplatform.problems import MEDIA_TYPE


def refusals(*codes: str, **more: Any) -> dict[str, Any]:
    """Return `openapi_extra` with a response for each status of these problem codes; `more` goes beside it."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        found = EXPLANATIONS[code]
        by_status[found.status].append(f"`{code}`: {found.title}")
    responses = {
        status: {
            "description": "; ".join(said),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, said in sorted(by_status.items())
    }
    return {"responses": responses, **more}
