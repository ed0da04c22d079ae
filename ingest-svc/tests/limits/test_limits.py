"""Quotas and rates: a refusal says which limit, what is left and when to try again; both hold across replicas."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from dataplatform.identity import Principal
from dataplatform.identity.testing import LocalIssuer
from dataplatform.log.postgres import open_pool
from dataplatform.problems import Problem
from ingest_svc.limits.quotas import InstitutionLimits, Quotas
from ingest_svc.limits.rates import Policy, Rates
from ingest_svc.transactions import DatabaseUnavailableError

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/air/uploads"
LIMITS = "/v1/institutions/aq/limits"
SOMEONE = Principal(UUID(int=7), {"aq": frozenset({"uploader"})})
ROOM = InstitutionLimits(max_upload_bytes=1000, bytes_stored=5000, bytes_per_day=3000, uploads_in_flight=3)


@pytest.fixture
async def admin(address: str, issuer: LocalIssuer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {issuer.token({}, admin=True)}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def refused() -> Callable[..., Any]:
    @asynccontextmanager
    async def expect(code: str) -> AsyncIterator[list[Problem]]:
        found: list[Problem] = []
        with pytest.raises(Problem) as caught:
            yield found
        found.append(caught.value)
        assert caught.value.code == code

    return expect


@pytest.fixture
async def quotas(settings: Any, pool: asyncpg.Pool) -> Quotas:
    return Quotas(pool, ROOM)


async def admit(quotas: Quotas, size: int | None, upload: UUID | None = None, hold: float = 60) -> Any:
    return await quotas.admit(SOMEONE, "aq", upload or uuid4(), size, hold_seconds=hold)


async def test_every_limit_refuses_with_what_is_left_and_when_to_come_again(quotas: Quotas, refused: Any) -> None:
    async with refused("file_too_large") as found:
        await admit(quotas, 1001)
    assert found[0].extra["limit"] == {"name": "max_upload_bytes", "unit": "bytes", "quota": 1000, "used": 0,
                                       "remaining": 1000}  # fmt: skip
    assert "Retry-After" not in found[0].headers
    held = [uuid4() for _ in range(3)]
    for upload in held:
        await admit(quotas, 900, upload)
    async with refused("too_many_uploads_in_flight") as found:
        await admit(quotas, 1)
    assert int(found[0].headers["Retry-After"]) > 0
    await quotas.release(held[0])
    async with refused("daily_quota_exceeded") as found:
        await quotas._pool.execute("SELECT quota_settle('aq', $1, 2500, false)", held[1])
        await admit(quotas, 900)
    assert found[0].extra["limit"]["used"] == 3400
    assert 0 < int(found[0].headers["Retry-After"]) <= 86_400
    await quotas._pool.execute("UPDATE institution_usage SET day = day - 1, bytes_stored = 4500")
    async with refused("storage_quota_exceeded") as found:
        await admit(quotas, 900)
    assert (found[0].status, found[0].extra["retry_after_seconds"]) == (403, None)


async def test_a_body_of_unknown_length_may_have_what_is_left(quotas: Quotas) -> None:
    await quotas._pool.execute("SELECT quota_settle('aq', $1, 2600, true)", uuid4())
    admission = await admit(quotas, None)
    assert admission.max_bytes == 400
    assert admission.too_large().code == "daily_quota_exceeded"


async def test_an_upload_asked_for_again_counts_once_and_grows(quotas: Quotas, refused: Any) -> None:
    upload = uuid4()
    await admit(quotas, None, upload)
    await admit(quotas, 800, upload)
    _, usage = await quotas.standing("aq")
    assert (usage.bytes_stored, usage.uploads_in_flight) == (800, 1)
    async with refused("file_too_large"):
        await admit(quotas, 1001, upload)


async def test_what_nobody_ends_lapses(quotas: Quotas) -> None:
    for _ in range(5):
        await admit(quotas, 900, hold=-1)
    _, usage = await quotas.standing("aq")
    assert (usage.bytes_stored, usage.uploads_in_flight) == (0, 0)


async def test_many_at_once_through_two_replicas_never_pass_a_limit(pool: asyncpg.Pool, settings: Any) -> None:
    replicas = [Quotas(pool, ROOM) for _ in range(2)]
    outcomes = await asyncio.gather(*(admit(replicas[number % 2], 900) for number in range(20)), return_exceptions=True)
    admitted = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(admitted) == 3
    assert {one.code for one in outcomes if isinstance(one, Problem)} == {"too_many_uploads_in_flight"}


async def test_uploads_and_withdrawals_are_counted_over_http_and_limits_are_set_by_administrators(
    client: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    content = b"a,b\n1,2\n"
    upload_id = (await client.post(PATH, content=content)).json()["upload_id"]
    await client.post(PATH, content=b"")
    shown = (await client.get(LIMITS)).json()
    assert shown["bytes_stored"]["used"] == shown["bytes_per_day"]["used"] == len(content)
    assert shown["uploads_in_flight"]["used"] == 0
    assert (await client.put(LIMITS, json={})).json()["code"] == "role_missing"
    changed = await admin.put(LIMITS, json={"bytes_stored": len(content) + 3, "max_upload_bytes": 100})
    assert changed.json()["bytes_stored"] == {"quota": 11, "used": 8, "remaining": 3}
    full = await client.post(PATH, content=b"a,b\n3,4\n")
    assert (full.status_code, full.json()["code"], full.json()["limit"]["remaining"]) == (
        403, "storage_quota_exceeded", 3,
    )  # fmt: skip

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a,b\n3,4\n"

    streamed = await client.post(PATH, content=chunks())
    assert (streamed.status_code, streamed.json()["code"]) == (403, "storage_quota_exceeded")
    large = await client.post(PATH, content=b"x" * 101)
    assert (large.status_code, large.json()["limit"]["quota"]) == (413, 100)
    await client.delete(f"/v1/uploads/{upload_id}")
    await client.delete(f"/v1/uploads/{upload_id}")
    assert (await client.get(LIMITS)).json()["bytes_stored"]["used"] == 0
    assert (await client.post(PATH, content=b"a,b\n3,4\n")).status_code == 201
    assert (await admin.put(LIMITS, json={})).json()["bytes_stored"]["quota"] > 11
    assert (await admin.put(LIMITS, json={"bytes_stored": -1})).status_code == 422
    assert (await admin.put(LIMITS, json={"colour": 1})).status_code == 422


async def test_a_failed_upload_holds_nothing(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    await client.post(PATH, content=b"x", headers={"Content-Disposition": 'attachment; filename="\x01"'})
    await client.post(PATH, content=b"")
    assert await pool.fetchval("SELECT count(*) FROM admissions") == 0


async def test_a_rate_holds_across_replicas_and_each_account_has_its_own(pool: asyncpg.Pool, settings: Any) -> None:
    policy = Policy("uploads", quota=10, window_seconds=3600)
    replicas = [Rates(pool, [policy]) for _ in range(2)]
    scope: dict[str, Any] = {}
    refusals: list[Problem] = []

    async def take(number: int, who: UUID) -> bool:
        try:
            await replicas[number % 2].take(scope, who, "uploads")
        except Problem as refusal:
            refusals.append(refusal)
            return False
        return True

    taken = await asyncio.gather(*(take(number, UUID(int=1)) for number in range(30)))
    assert sum(taken) == 10
    assert {(one.code, one.extra["limit"]["remaining"]) for one in refusals} == {("rate_limited", 0)}
    assert all(0 < int(one.headers["Retry-After"]) <= 360 for one in refusals)
    assert await take(0, UUID(int=2))


async def test_a_rate_refills_evenly(pool: asyncpg.Pool, settings: Any) -> None:
    rates, scope = Rates(pool, [Policy("uploads", 10, 3600)]), dict[str, Any]()
    for _ in range(10):
        await rates.take(scope, UUID(int=1), "uploads")
    await pool.execute("UPDATE rate_states SET full_at = full_at - interval '361 seconds'")
    await rates.take(scope, UUID(int=1), "uploads")
    with pytest.raises(Problem):
        await rates.take(scope, UUID(int=1), "uploads")


async def test_answers_tell_how_the_account_stands(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    answer = await client.post(PATH, content=b"a,b\n1,2\n")
    assert answer.headers["ratelimit-policy"] == '"requests";q=6000;w=60, "uploads";q=3000;w=60'
    assert answer.headers["ratelimit"].startswith('"requests";r=5999;t=1, "uploads";r=2999;t=1')
    await pool.execute("UPDATE rate_states SET full_at = full_at + interval '2 minutes' WHERE policy = 'requests'")
    refused = await client.get("/v1/uploads", params={"institution": "aq"})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    assert int(refused.headers["retry-after"]) >= 1


async def test_one_account_can_not_spend_what_another_has(
    address: str, issuer: LocalIssuer, pool: asyncpg.Pool
) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=address,
                    headers={"Authorization": f"Bearer {issuer.token({'aq': ['uploader']}, subject=UUID(int=number))}"},
                    trust_env=False,
                )
            )
            for number in (1, 2)
        ]
        await clients[0].get(LIMITS)
        await pool.execute("UPDATE rate_states SET full_at = full_at + interval '1 hour'")
        assert [(await one.get(LIMITS)).status_code for one in clients] == [429, 200]


async def test_a_database_that_is_away_is_told_as_such_by_both() -> None:
    async with await open_pool("postgresql://nobody@127.0.0.1:1/nothing", min_size=0) as away:
        with pytest.raises(DatabaseUnavailableError):
            await Rates(away, [Policy("uploads", 10, 60)]).take({}, UUID(int=1), "uploads")
        with pytest.raises(DatabaseUnavailableError):
            await admit(Quotas(away, ROOM), 1)
