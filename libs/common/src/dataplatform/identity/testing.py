"""An issuer of real tokens for tests: signs them, and publishes its keys over HTTP. Never a part of a deployment."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dataplatform.identity.jwks import ALGORITHM
from dataplatform.identity.tokens import AUDIENCE

SUBJECT = UUID(int=7)
"""Whose tokens these are unless a test says otherwise."""


class LocalIssuer:
    """Keys by `kid`, tokens signed with them, and an application that serves the JWKS document."""

    def __init__(self, issuer: str = "http://issuer.test") -> None:
        self.issuer = issuer
        self.keys = {"one": Ed25519PrivateKey.generate()}
        self.app = Starlette(routes=[Route("/.well-known/jwks.json", self._serve)])

    def document(self) -> dict[str, Any]:
        """Return the JWKS document."""
        keys = ((kid, jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())) for kid, key in self.keys.items())
        return {"keys": [{**json.loads(key), "kid": kid, "use": "sig", "alg": ALGORITHM} for kid, key in keys]}

    def token(
        self,
        institutions: Mapping[str, Sequence[str]] | None = None,
        *,
        subject: UUID = SUBJECT,
        admin: bool = False,
        lifetime: timedelta = timedelta(minutes=15),
        key: Ed25519PrivateKey | None = None,
        **claims: object,
    ) -> str:
        """Return a token; `key` signs in another's name, `claims` replace what would be there (None removes)."""
        now = datetime.now(UTC)
        standard = {"iss": self.issuer, "aud": AUDIENCE, "sub": str(subject), "iat": now, "exp": now + lifetime}
        everything = {**standard, "institutions": dict(institutions or {}), "admin": admin, **claims}
        kept = {name: value for name, value in everything.items() if value is not None}
        return jwt.encode(kept, key or self.keys["one"], ALGORITHM, headers={"kid": "one"})

    async def _serve(self, _request: Request) -> Response:
        return JSONResponse(self.document())
