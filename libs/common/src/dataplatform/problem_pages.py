"""Pages for people behind the `type` of problem documents: what happened, and what to do. A service brings its table.

Self-contained HTML: no script, one style that the Content-Security-Policy names by its hash, nothing from elsewhere.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

STYLE: Final = """
body{max-width:46rem;margin:3rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff}
h1{font-size:1.5rem}code,pre{font-family:ui-monospace,monospace;background:#f3f4f6;border-radius:.25rem}
code{padding:.1rem .3rem}pre{padding:1rem;overflow:auto}table{border-collapse:collapse}
td,th{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}a{color:#0b57d0}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181c}
code,pre{background:#24272d}a{color:#8ab4f8}}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a problem's code means: its status, what happened, and what to do about it."""

    code: str
    status: int
    title: str
    remedy: str

    @property
    def path(self) -> str:
        """Where its page is: the `type` of the problem."""
        return f"/problems/{self.code}"

    def to_dict(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "type": self.path,
            "code": self.code,
            "status": self.status,
            "title": self.title,
            "remedy": self.remedy,
        }


_GENERIC: Final = {
    400: "The request could not be understood. Compare it with the API document, and send it again in the right form.",
    403: "Ask whoever runs the platform for the right to do this, or use an account that has it.",
    404: "Nothing is at this address, or nothing that your token may know of. Check the address and the token.",
    405: "The address is right, the method is not: the header Allow of the answer names those that are taken.",
    406: "Ask for a media type that the API document names, or leave the header Accept out.",
    408: "Send the request again, on a connection that does not stop in the middle.",
    413: "Send less at once: the API document says how much is taken.",
    415: "Send the body in a media type that the API document names.",
    429: "Wait as long as the header Retry-After says, then send the request again.",
    431: "Send fewer or shorter headers.",
    500: "The fault is ours. Send the request again later; if it stays, report the X-Correlation-ID of the answer.",
    502: "Wait a moment, then send the request again: a part of the platform is being started again.",
    503: "Wait as long as the header Retry-After says, then send the request again.",
    504: "Wait a moment, then send the request again: a part of the platform took too long.",
}


def generic() -> dict[str, Explanation]:
    """Return the explanations of bare HTTP statuses, as `dataplatform.problems.from_status` names them."""
    found = {}
    for status, remedy in _GENERIC.items():
        phrase = HTTPStatus(status).phrase
        code = phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
        found[code] = Explanation(code, status, phrase, remedy)
    return found


def page(explanation: Explanation) -> str:
    """Return the page of one problem."""
    document = {
        "type": explanation.path,
        "title": explanation.title,
        "status": explanation.status,
        "code": explanation.code,
        "detail": "what happened this time",
    }
    example = html.escape(json.dumps(document, indent=2), quote=False)
    body = (
        f"<p><a href='/problems'>Problems</a></p><h1>{html.escape(explanation.title)}</h1>"
        f"<p><code>{explanation.code}</code>, HTTP status {explanation.status}</p>"
        f"<h2>What happened</h2><p>{html.escape(explanation.title)}.</p>"
        f"<h2>What to do</h2><p>{html.escape(explanation.remedy)}</p>"
        f"<h2>What the answer looks like</h2><pre>{example}</pre>"
        "<p>Programs rely on <code>code</code>, which never changes its meaning. The member <code>detail</code> of the "
        "answer tells the particulars; its header <code>X-Correlation-ID</code> finds the request in the logs.</p>"
    )
    return _document(explanation.title, body)


def index(explanations: Iterable[Explanation]) -> str:
    """Return the page that lists problems."""
    rows = "".join(
        f"<tr><td>{one.status}</td><td><a href='{one.path}'><code>{one.code}</code></a></td>"
        f"<td>{html.escape(one.title)}</td></tr>"
        for one in sorted(explanations, key=lambda one: (one.status, one.code))
    )
    header = "<tr><th>Status</th><th>Code</th><th>What happened</th></tr>"
    return _document("Problems", f"<h1>Problems</h1><table>{header}{rows}</table>")


def _document(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
