"""The issuer's public keys, fetched over HTTP and kept for a while. Knows nothing about tokens."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt

ALGORITHM = "EdDSA"


class IdentityUnavailableError(Exception):
    """The issuer's keys could not be fetched and none are known: try again later."""

    code = "identity_unavailable"


class KeySet:
    """Signature keys by `kid`.

    An unknown `kid` causes a fetch, at most one per `refetch_seconds`, so forged tokens cannot flood the issuer.
    Keys older than `max_age_seconds` are fetched again, which is how a withdrawn key stops being trusted; while the
    issuer is down the known keys go on being used.
    """

    def __init__(
        self,
        url: str,
        *,
        refetch_seconds: float = 5.0,
        max_age_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._refetch_seconds = refetch_seconds
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """Return the key, or None if the issuer has no such key; raises `IdentityUnavailableError`."""
        if not self._is_known(kid):
            async with self._lock:
                if not self._is_known(kid):
                    await self._refresh()
        return self._keys.get(kid)

    def _is_known(self, kid: str) -> bool:
        return kid in self._keys and self._clock() - self._fetched_at < self._max_age_seconds

    async def _refresh(self) -> None:
        if self._clock() - self._tried_at >= self._refetch_seconds:
            try:
                self._keys = _signature_keys(await self._fetch())
                self._fetched_at = self._tried_at = self._clock()
            except (httpx.HTTPError, ValueError, KeyError) as error:
                self._tried_at = self._clock()
                if not self._keys:
                    raise IdentityUnavailableError(f"no keys from {self._url}: {error!r}") from error
        elif not self._keys:
            raise IdentityUnavailableError(f"no keys from {self._url} yet")

    async def _fetch(self) -> dict[str, Any]:
        async with httpx.AsyncClient(transport=self._transport, timeout=2.0, trust_env=False) as client:
            response = await client.get(self._url)
            response.raise_for_status()
            document = response.json()
            return document if isinstance(document, dict) else {}


def _signature_keys(document: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    usable = (
        key
        for key in document["keys"]
        if key.get("kty") == "OKP" and key.get("use", "sig") == "sig" and key.get("alg", ALGORITHM) == ALGORITHM
    )
    return {str(key["kid"]): jwt.PyJWK.from_dict(key, algorithm=ALGORITHM) for key in usable}
