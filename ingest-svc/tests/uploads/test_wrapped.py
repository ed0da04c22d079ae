"""Compressed files and archives are taken, told as what they are, and their names compared with their content."""

import gzip
import io
import zipfile

import httpx
import pytest

PATH = "/v1/institutions/aq/datasets/wrapped/uploads"
CSV = b"id,name\n1,ant\n2,bee\n"


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "a.csv.gz",
            gzip.compress(CSV, mtime=0),
            {"format": "csv", "compression": "gzip", "media_type": "application/gzip"},
        ),
        ("a.zip", zipped(a=CSV, b=CSV), {"format": "archive", "compression": "zip", "media_type": "application/zip"}),
        ("a.xls", CSV, {"format": "csv", "name_mismatch": "the name ends in .xls, the content is csv"}),
        # longer than what is kept in memory, so that it is read from where it is stored
        (
            "b.csv.gz",
            gzip.compress(b"%x\n" * 60_000 % tuple(n * 7919 % 65521 for n in range(60_000)), mtime=0),
            {"format": "csv"},
        ),
    ],
    ids=["gzip", "zip", "mismatch", "long gzip"],
)
async def test_what_is_wrapped_is_told(
    client: httpx.AsyncClient, name: str, content: bytes, told: dict[str, str]
) -> None:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = await client.post(PATH, content=content, headers=headers)
    assert response.status_code == 201
    shown = response.json()["file"]
    assert {key: shown.get(key) for key in told} == told
    assert ("name_mismatch" in shown) == ("name_mismatch" in told)


async def test_a_bomb_of_a_zip_is_refused_by_its_directory(client: httpx.AsyncClient) -> None:
    bomb = bytearray(zipped(a=CSV))
    place = bomb.index(b"PK\x01\x02") + 24
    bomb[place : place + 4] = b"\xf0\xff\xff\xff"
    response = await client.post(PATH, content=bytes(bomb))
    assert (response.status_code, response.json()["code"]) == (422, "oversized_archive")
