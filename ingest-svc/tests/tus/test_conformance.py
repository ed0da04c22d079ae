"""The tus protocol 1.0.0, sentence by sentence: each test quotes, in its name, what the protocol's text asks."""

import asyncio
import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from dataplatform.identity.testing import LocalIssuer
from ingest_svc.settings import IngestSettings
from ingest_svc.tus.testing import CONTENT_TYPE, CREATION, MIB, Kept, TusClient, encoded

pytestmark = pytest.mark.integration

CSV = b"station,no2\nnorth,12\nsouth,7\n"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class TestCore:
    async def test_the_offset_is_told_at_zero_midway_and_at_the_end(self, tus: TusClient, kept: Kept) -> None:
        location = await tus.begun(len(CSV))
        assert await tus.offset(location) == 0
        first = await tus.patch(location, 0, CSV[:10])
        assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "10", b"")
        assert await tus.offset(location) == 10
        last = await tus.patch(location, 10, CSV[10:])
        assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(CSV)))
        assert await tus.offset(location) == len(CSV)
        assert await kept.original() == CSV

    async def test_head_tells_the_length_and_forbids_caching(self, tus: TusClient) -> None:
        answer = await tus.head(await tus.begun(100))
        assert answer.headers["upload-length"] == "100"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == b""

    async def test_an_upload_that_is_not_there_is_404_without_an_offset(self, tus: TusClient) -> None:
        for answer in (await tus.head(f"/v1/tus/{uuid4()}"), await tus.patch(f"/v1/tus/{uuid4()}", 0, b"x")):
            assert answer.status_code == 404
            assert "upload-offset" not in answer.headers

    async def test_a_patch_of_another_content_type_is_415(self, tus: TusClient) -> None:
        location = await tus.begun(3)
        answer = await tus.patch(location, 0, b"a,b", Content_Type="text/csv")
        assert code_of(answer) == (415, "unsupported_content_type")
        assert await tus.offset(location) == 0

    @pytest.mark.parametrize("offset", [0, 4, 6, 100, 10**17])
    async def test_offsets_that_do_not_match_are_409_and_change_nothing(self, tus: TusClient, offset: int) -> None:
        location = await tus.begun(len(CSV), CSV[:5])
        answer = await tus.patch(location, offset, b"zz")
        assert code_of(answer) == (409, "offset_mismatch")
        assert answer.json()["offset"] == 5
        assert await tus.offset(location) == 5

    @pytest.mark.parametrize("offset", ["-1", "x", "1.0", "", "9" * 30])
    async def test_an_offset_that_is_no_number_is_400(self, tus: TusClient, offset: str) -> None:
        location = await tus.begun(len(CSV))
        told = {"Tus-Resumable": "1.0.0", "Content-Type": CONTENT_TYPE, "Upload-Offset": offset}
        assert code_of(await tus.http.patch(location, headers=told, content=b"x")) == (400, "invalid_tus_header")

    async def test_a_patch_without_an_offset_is_400(self, tus: TusClient) -> None:
        told = {"Tus-Resumable": "1.0.0", "Content-Type": CONTENT_TYPE}
        answer = await tus.http.patch(await tus.begun(3), headers=told, content=b"x")
        assert code_of(answer) == (400, "invalid_tus_header")

    @pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "1"])
    async def test_a_version_that_is_not_spoken_is_412_with_those_that_are_and_nothing_is_done(
        self, tus: TusClient, kept: Kept, version: str | None
    ) -> None:
        location = await tus.begun(3)
        headers = {"Tus-Resumable": version} if version else {}
        told = {**headers, "Content-Type": CONTENT_TYPE, "Upload-Offset": "0"}
        for answer in (
            await tus.http.patch(location, headers=told, content=b"a,b"),
            await tus.http.post(CREATION, headers={**headers, "Upload-Length": "3"}),
            await tus.http.delete(location, headers=headers),
        ):
            assert code_of(answer) == (412, "unsupported_tus_version")
            assert answer.headers["tus-version"] == "1.0.0"
        assert (await tus.http.head(location, headers=headers)).status_code == 412
        assert await tus.offset(location) == 0
        assert await kept.events() == []

    async def test_every_response_names_the_version(self, tus: TusClient) -> None:
        location = await tus.begun(3)
        for answer in (
            await tus.create(3),
            await tus.create(None),
            await tus.head(location),
            await tus.head(f"/v1/tus/{uuid4()}"),
            await tus.patch(location, 1, b"x"),
            await tus.patch(location, 0, b"x"),
            await tus.http.options(CREATION),
            await tus.http.get(location, headers={"Tus-Resumable": "1.0.0"}),
            await tus.delete(location),
            await tus.http.head("/v1/tus/7", headers={"Tus-Resumable": "1.0.0"}),
        ):
            assert answer.headers["tus-resumable"] == "1.0.0", answer.status_code

    async def test_options_tells_what_is_offered_whatever_the_version_and_without_a_token(
        self, tus: TusClient, address: str, settings: IngestSettings
    ) -> None:
        location = await tus.begun(3)
        async with httpx.AsyncClient(base_url=address, trust_env=False) as anonymous:
            for path in (CREATION, location):
                answer = await anonymous.options(path, headers={"Tus-Resumable": "0.0.1"})
                assert answer.status_code == 204
                assert answer.headers["tus-version"] == "1.0.0"
                assert answer.headers["tus-max-size"] == str(settings.max_upload_bytes)
                assert set(answer.headers["tus-extension"].split(",")) == {
                    "creation",
                    "creation-with-upload",
                    "creation-defer-length",
                    "expiration",
                    "checksum",
                    "checksum-trailer",
                    "termination",
                    "concatenation",
                }
                assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"

    async def test_the_method_may_be_named_by_a_header(self, tus: TusClient) -> None:
        location = await tus.begun(len(CSV))
        told = {"Tus-Resumable": "1.0.0", "Content-Type": CONTENT_TYPE, "Upload-Offset": "0"}
        patched = await tus.http.post(location, headers={**told, "X-HTTP-Method-Override": "PATCH"}, content=CSV[:4])
        assert (patched.status_code, patched.headers["upload-offset"]) == (204, "4")
        headers = {"Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": "HEAD"}
        asked = await tus.http.get(location, headers=headers)
        assert (asked.status_code, asked.headers["upload-offset"]) == (200, "4")
        headers["X-HTTP-Method-Override"] = "DELETE"
        assert (await tus.http.post(location, headers=headers)).status_code == 204
        assert (await tus.head(location)).status_code == 410

    async def test_bytes_beyond_the_length_are_refused_and_the_upload_can_go_on(
        self, tus: TusClient, kept: Kept
    ) -> None:
        async def unannounced() -> Any:
            yield CSV
            yield b"too much"

        location = await tus.begun(len(CSV))
        for content in (CSV + b"x", unannounced()):
            assert code_of(await tus.patch(location, 0, content)) == (413, "upload_length_exceeded")
            assert await tus.offset(location) == 0
        assert (await tus.patch(location, 0, CSV)).status_code == 204
        assert await kept.original() == CSV

    async def test_an_empty_patch_moves_nothing(self, tus: TusClient) -> None:
        location = await tus.begun(10, b"abc")
        answer = await tus.patch(location, 3, b"")
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, "3")

    async def test_the_last_patch_again_is_harmless_when_its_answer_was_lost(self, tus: TusClient, kept: Kept) -> None:
        location = await tus.begun(len(CSV))
        await tus.patch(location, 0, CSV)
        again = await tus.patch(location, len(CSV), b"")
        assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(CSV)))
        assert code_of(await tus.patch(location, len(CSV), b"x")) == (413, "upload_length_exceeded")
        assert code_of(await tus.patch(location, 0, CSV)) == (409, "offset_mismatch")
        assert len(await kept.events()) == 1


class TestCreation:
    async def test_the_upload_has_an_address_and_offset_zero(self, tus: TusClient) -> None:
        answer = await tus.create(100)
        assert answer.status_code == 201
        assert urlsplit(answer.headers["location"]).path.startswith("/v1/tus/")
        assert await tus.offset(answer.headers["location"]) == 0

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Upload-Length": "-1"},
            {"Upload-Length": "ten"},
            {"Upload-Defer-Length": "2"},
            {"Upload-Defer-Length": "1", "Upload-Length": "5"},
            {"Upload-Concat": "other", "Upload-Length": "5"},
            {"Upload-Concat": "final;/v1/tus/" + str(uuid4()), "Upload-Length": "5"},
        ],
    )
    async def test_a_creation_that_is_not_understood_is_400(self, tus: TusClient, headers: dict[str, str]) -> None:
        answer = await tus.http.post(CREATION, headers={"Tus-Resumable": "1.0.0", **headers})
        assert code_of(answer) == (400, "invalid_tus_header")

    async def test_a_length_above_the_maximum_is_413(self, tus: TusClient, settings: IngestSettings) -> None:
        assert code_of(await tus.create(settings.max_upload_bytes + 1)) == (413, "file_too_large")
        assert (await tus.create(settings.max_upload_bytes)).status_code == 201

    async def test_metadata_comes_back_as_it_was_sent(self, tus: TusClient, kept: Kept) -> None:
        metadata = f"filename {encoded('März 2026.csv')},is_confidential,empty ,filetype {encoded('image/png')}"
        location = await tus.begun(len(CSV), Upload_Metadata=metadata)
        assert (await tus.head(location)).headers["upload-metadata"] == metadata
        await tus.patch(location, 0, CSV)
        (event,) = await kept.events()
        assert (event["data"]["file_name"], event["data"]["media_type"]) == ("März 2026.csv", "text/csv")
        assert (await tus.head(location)).headers["upload-metadata"] == metadata

    @pytest.mark.parametrize(
        "metadata", ["a b c", "filename !!!", "a YQ==,a YQ==", ",", "a YQ==, ,b", "ä YQ==", "a" * 20_000]
    )
    async def test_metadata_that_is_not_understood_is_400(self, tus: TusClient, metadata: str) -> None:
        headers = [(b"Tus-Resumable", b"1.0.0"), (b"Upload-Length", b"5"), (b"Upload-Metadata", metadata.encode())]
        assert code_of(await tus.http.post(CREATION, headers=headers)) == (400, "invalid_metadata")

    @pytest.mark.parametrize(
        ("name", "shown"),
        [("../../etc/passwd.csv", "passwd.csv"), ("C:\\data\\a.csv", "a.csv"), ("<script>.csv", "<script>.csv")],
    )
    async def test_a_name_is_data_and_never_a_path(self, tus: TusClient, kept: Kept, name: str, shown: str) -> None:
        location = await tus.begun(len(CSV), CSV, Upload_Metadata=f"filename {encoded(name)}")
        (event,) = await kept.events()
        assert event["data"]["file_name"] == shown
        upload_id = location.rsplit("/", 1)[1]
        assert [key.split("/")[:4] for key in await kept.keys()] == [["originals", "aq", "air-quality", upload_id]]

    @pytest.mark.parametrize("name", [b"..", b"a\x00b", b"\xff\xfe", b"x" * 300, b"x" * 10_000])
    async def test_a_name_that_cannot_be_shown_is_400(self, tus: TusClient, name: bytes) -> None:
        answer = await tus.create(5, Upload_Metadata=f"filename {encoded(name)}")
        assert code_of(answer) == (400, "invalid_file_name")

    async def test_a_name_of_100_kilobytes_is_told_so(self, tus: TusClient) -> None:
        answer = await tus.create(5, Upload_Metadata=f"filename {encoded('x' * 100_000)}")
        assert code_of(answer) == (400, "invalid_metadata")

    async def test_an_empty_file_is_whole_at_once_and_told_as_any_empty_file(self, tus: TusClient, kept: Kept) -> None:
        answer = await tus.create(0)
        assert code_of(answer) == (422, "empty_file")
        head = await tus.head(answer.headers["location"])
        assert (head.headers["upload-offset"], head.headers["upload-outcome"]) == ("0", "rejected")
        assert [event["type"] for event in await kept.events()] == ["upload.rejected.v1"]
        assert await kept.keys() == []


class TestDeferredLength:
    async def test_the_length_may_follow_with_any_patch(self, tus: TusClient, kept: Kept) -> None:
        location = await tus.begun(Upload_Defer_Length="1")
        head = await tus.head(location)
        assert head.headers["upload-defer-length"] == "1"
        assert "upload-length" not in head.headers
        await tus.patch(location, 0, CSV[:7])
        assert (await tus.head(location)).headers["upload-defer-length"] == "1"
        await tus.patch(location, 7, CSV[7:9], Upload_Length=str(len(CSV)))
        head = await tus.head(location)
        assert (head.headers["upload-length"], "upload-defer-length" in head.headers) == (str(len(CSV)), False)
        await tus.patch(location, 9, CSV[9:])
        assert await kept.original() == CSV

    async def test_the_length_may_come_when_all_bytes_are_here(self, tus: TusClient, kept: Kept) -> None:
        location = await tus.begun(content=CSV, Upload_Defer_Length="1")
        assert await kept.events() == []
        answer = await tus.patch(location, len(CSV), b"", Upload_Length=str(len(CSV)))
        assert answer.status_code == 204
        assert await kept.original() == CSV

    async def test_a_length_once_set_does_not_change(self, tus: TusClient) -> None:
        location = await tus.begun(Upload_Defer_Length="1")
        await tus.patch(location, 0, b"abc", Upload_Length="10")
        answer = await tus.patch(location, 3, b"d", Upload_Length="11")
        assert code_of(answer) == (409, "upload_length_conflict")
        assert (await tus.patch(location, 3, b"d", Upload_Length="10")).status_code == 204

    async def test_a_length_below_the_offset_is_refused(self, tus: TusClient) -> None:
        location = await tus.begun(content=b"abcdef", Upload_Defer_Length="1")
        assert code_of(await tus.patch(location, 6, b"", Upload_Length="5")) == (409, "upload_length_conflict")

    async def test_a_length_above_the_maximum_is_413(self, tus: TusClient, settings: IngestSettings) -> None:
        location = await tus.begun(Upload_Defer_Length="1")
        answer = await tus.patch(location, 0, b"a", Upload_Length=str(settings.max_upload_bytes + 1))
        assert code_of(answer) == (413, "file_too_large")


class TestCreationWithUpload:
    @pytest.mark.parametrize("size", [0, 1, 10, len(CSV)])
    async def test_as_many_bytes_as_came_are_told(self, tus: TusClient, size: int) -> None:
        answer = await tus.create(len(CSV), CSV[:size])
        assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(size))
        assert await tus.offset(answer.headers["location"]) == size

    async def test_the_whole_file_at_once(self, tus: TusClient, kept: Kept) -> None:
        answer = await tus.create(len(CSV), CSV)
        assert answer.headers["upload-outcome"] == "received"
        upload_id = answer.headers["location"].rsplit("/", 1)[1]
        assert answer.headers["link"] == f'</v1/uploads/{upload_id}>; rel="related"'
        shown = (await tus.http.get(f"/v1/uploads/{upload_id}")).json()
        assert shown["file"]["sha256"] == hashlib.sha256(CSV).hexdigest()
        assert await kept.original() == CSV

    async def test_another_content_type_is_415(self, tus: TusClient) -> None:
        answer = await tus.create(len(CSV), CSV, Content_Type="text/csv")
        assert code_of(answer) == (415, "unsupported_content_type")

    async def test_more_than_the_length_is_413(self, tus: TusClient) -> None:
        answer = await tus.create(3, CSV)
        assert code_of(answer) == (413, "upload_length_exceeded")
        assert await tus.offset(answer.headers["location"]) == 0

    async def test_a_file_that_is_rejected_is_told_with_the_reason(self, tus: TusClient, kept: Kept) -> None:
        content = b'{"rows": []}'
        answer = await tus.create(len(content), content)
        assert code_of(answer) == (422, "unsupported_format")
        again = await tus.patch(answer.headers["location"], len(content), b"")
        assert code_of(again) == (422, "unsupported_format")
        assert await kept.keys() == []


class TestExpiration:
    async def test_the_time_is_told_by_creation_patch_and_head_and_moves_on(
        self, tus: TusClient, settings: IngestSettings
    ) -> None:
        created = await tus.create(100)
        location = created.headers["location"]
        patched = await tus.patch(location, 0, b"abc")
        head = await tus.head(location)
        for answer in (created, patched, head):
            expires = parsedate_to_datetime(answer.headers["upload-expires"])
            expected = datetime.now(UTC) + timedelta(hours=settings.resumable_hours)
            assert abs(expires - expected) < timedelta(minutes=2)

    async def test_a_finished_upload_no_longer_expires(self, tus: TusClient) -> None:
        answer = await tus.create(len(CSV), CSV)
        assert "upload-expires" not in answer.headers
        assert "upload-expires" not in (await tus.head(answer.headers["location"])).headers


def sha1(content: bytes) -> str:
    return "sha1 " + b64encode(hashlib.sha1(content).digest()).decode()  # noqa: S324


def sha256(content: bytes) -> str:
    return "sha256 " + b64encode(hashlib.sha256(content).digest()).decode()


class TestChecksum:
    @pytest.mark.parametrize("algorithm", [sha1, sha256])
    async def test_bytes_that_match_count(self, tus: TusClient, kept: Kept, algorithm: Any) -> None:
        location = await tus.begun(len(CSV), CSV[:5], Upload_Checksum=algorithm(CSV[:5]))
        answer = await tus.patch(location, 5, CSV[5:], Upload_Checksum=algorithm(CSV[5:]))
        assert answer.status_code == 204
        assert await kept.original() == CSV

    @pytest.mark.parametrize("size", [10, 6 * MIB, 20 * MIB])
    async def test_bytes_that_do_not_match_are_460_and_dropped(self, tus: TusClient, kept: Kept, size: int) -> None:
        content = (CSV * (size // len(CSV) + 1))[:size]
        location = await tus.begun(5 + size, b"12345")
        answer = await tus.patch(location, 5, content, Upload_Checksum=sha1(content + b"x"))
        assert code_of(answer) == (460, "checksum_mismatch")
        assert await tus.offset(location) == 5
        answer = await tus.patch(location, 5, content, Upload_Checksum=sha256(content))
        assert answer.status_code == 204
        assert await kept.original() == b"12345" + content

    @pytest.mark.parametrize("value", ["md5 " + "A" * 22 + "==", "SHA1 x", "crc32 AAAA", ""])
    async def test_an_algorithm_that_is_not_offered_is_400_and_changes_nothing(
        self, tus: TusClient, value: str
    ) -> None:
        location = await tus.begun(len(CSV))
        answer = await tus.patch(location, 0, CSV, Upload_Checksum=value)
        assert code_of(answer) == (400, "unsupported_checksum")
        assert await tus.offset(location) == 0

    async def test_a_checksum_that_is_not_base64_is_400(self, tus: TusClient) -> None:
        answer = await tus.patch(await tus.begun(3), 0, b"abc", Upload_Checksum="sha1 !!")
        assert code_of(answer) == (400, "invalid_tus_header")

    @pytest.mark.parametrize("announced", [True, False])
    @pytest.mark.parametrize("size", [100, 20 * MIB])
    async def test_a_checksum_that_follows_in_the_trailer_decides_whether_the_bytes_count(
        self, tus: TusClient, kept: Kept, pool: asyncpg.Pool, size: int, *, announced: bool
    ) -> None:
        content = (CSV * (size // len(CSV) + 1))[:size]
        location = await tus.begun(12 * MIB + 5 + size, b"x" * (6 * MIB))
        assert (await tus.patch(location, 6 * MIB, b"y" * (6 * MIB) + b"12345")).status_code == 204
        before = await pool.fetchrow("SELECT offset_bytes, digest, observation FROM tus_uploads")
        tables = [await pool.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("tus_parts", "tus_tails")]
        offset = 12 * MIB + 5
        for wrong in (sha256(content + b"x"), sha1(content[1:]), "crc32 AAAA"):
            status = await self.sent(tus, location, offset, content, wrong, announced=announced)
            assert status == (400 if wrong.startswith("crc32") else 460)
            assert await pool.fetchrow("SELECT offset_bytes, digest, observation FROM tus_uploads") == before
            again = [await pool.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("tus_parts", "tus_tails")]
            assert again == tables
            assert await tus.offset(location) == offset
        assert await self.sent(tus, location, offset, content, sha256(content), announced=announced) == 204
        assert await kept.original() == b"x" * (6 * MIB) + b"y" * (6 * MIB) + b"12345" + content

    async def sent(
        self, tus: TusClient, location: str, offset: int, content: bytes, checksum: str, *, announced: bool
    ) -> int:
        """Send bytes in chunks with a checksum after them, and return the status of the answer."""
        reader, writer = await asyncio.open_connection(tus.http.base_url.host, tus.http.base_url.port)
        head = [
            f"PATCH {location} HTTP/1.1",
            "Host: test",
            f"Authorization: {tus.http.headers['authorization']}",
            "Tus-Resumable: 1.0.0",
            f"Upload-Offset: {offset}",
            f"Content-Type: {CONTENT_TYPE}",
            "Transfer-Encoding: chunked",
            *(["Trailer: Upload-Checksum"] if announced else []),
        ]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
        for start in range(0, len(content), MIB):
            piece = content[start : start + MIB]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        writer.write(f"0\r\nUpload-Checksum: {checksum}\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status


class TestTermination:
    async def test_an_unfinished_upload_goes_with_its_bytes(self, tus: TusClient, kept: Kept, store: Any) -> None:
        location = await tus.begun(20 * MIB, b"a,b\n" * (3 * MIB))
        assert (await tus.delete(location)).status_code == 204
        for answer in (await tus.head(location), await tus.patch(location, 12 * MIB, b"x"), await tus.delete(location)):
            assert answer.status_code == 410
        assert await kept.keys() == []
        assert await store.abort_stale_uploads(datetime.now(UTC) + timedelta(days=1)) == 0
        assert await kept.events() == []

    async def test_a_finished_upload_is_withdrawn(self, tus: TusClient, kept: Kept) -> None:
        location = await tus.begun(len(CSV), CSV)
        assert (await tus.delete(location)).status_code == 204
        assert (await tus.head(location)).status_code == 410
        types = [event["type"] for event in await kept.events()]
        assert types == ["upload.received.v1", "upload.withdrawn.v1"]


class TestConcatenation:
    async def test_partial_uploads_become_one_in_the_order_named(self, tus: TusClient, kept: Kept) -> None:
        first = await tus.begun(5, b"a,b\n1", Upload_Concat="partial")
        second = await tus.begun(3, b",2\n", Upload_Concat="partial")
        assert await kept.events() == [], "partial uploads are not processed"
        concat = f"final;{first} {second}"
        answer = await tus.create(None, Upload_Concat=concat, Upload_Metadata=f"filename {encoded('j.csv')}")
        assert answer.status_code == 201
        head = await tus.head(answer.headers["location"])
        assert (head.headers["upload-length"], head.headers["upload-offset"]) == ("8", "8")
        assert head.headers["upload-concat"] == concat
        assert (await tus.head(first)).headers["upload-concat"] == "partial"
        assert (await tus.head(first)).headers["upload-offset"] == "5"
        assert await kept.original() == b"a,b\n1,2\n"
        (event,) = await kept.events()
        assert event["data"]["file_name"] == "j.csv"

    async def test_addresses_may_be_absolute_and_the_same_part_used_twice(
        self, tus: TusClient, kept: Kept, address: str
    ) -> None:
        part = await tus.begun(4, b"1,2\n", Upload_Concat="partial")
        for _ in range(2):
            answer = await tus.create(None, Upload_Concat=f"final;{address}{part} {part} {part}")
            assert answer.status_code == 201
        assert await kept.original() == b"1,2\n" * 3
        assert answer.headers["upload-outcome"] == "unchanged"

    @pytest.mark.parametrize(
        "sizes",
        [(6 * MIB, 6 * MIB), (100, 6 * MIB, 3), (MIB, MIB, 4 * MIB, 5 * MIB, MIB), (12 * MIB, 0, 12 * MIB), (0, 0, 7)],
    )
    async def test_parts_of_any_sizes(self, tus: TusClient, kept: Kept, sizes: tuple[int, ...]) -> None:
        contents = [(f"{n},{n}\n".encode() * (size // 4 + 1))[:size] for n, size in enumerate(sizes)]
        parts = await asyncio.gather(*(tus.begun(len(c), c, Upload_Concat="partial") for c in contents))
        answer = await tus.create(None, Upload_Concat=f"final;{' '.join(parts)}")
        assert answer.status_code == 201
        whole = b"".join(contents)
        assert await kept.original() == whole
        (event,) = await kept.events()
        assert event["data"]["original"]["sha256"] == hashlib.sha256(whole).hexdigest()

    async def test_a_final_upload_takes_no_bytes(self, tus: TusClient) -> None:
        part = await tus.begun(4, b"1,2\n", Upload_Concat="partial")
        final = await tus.begun(None, Upload_Concat=f"final;{part}")
        assert code_of(await tus.patch(final, 4, b"x")) == (403, "upload_is_final")
        assert await tus.offset(final) == 4

    async def test_what_cannot_be_joined_is_refused(self, tus: TusClient) -> None:
        unfinished = await tus.begun(10, b"1,2\n", Upload_Concat="partial")
        ordinary = await tus.begun(len(CSV), CSV)
        elsewhere = TusClient(tus.http, CREATION.replace("air-quality", "water"))
        other = await elsewhere.begun(4, b"1,2\n", Upload_Concat="partial")
        for address in (unfinished, ordinary, other, f"/v1/tus/{uuid4()}", "/elsewhere", ""):
            answer = await tus.create(None, Upload_Concat=f"final;{address}")
            assert code_of(answer) == (400, "invalid_concatenation"), address

    async def test_a_partial_upload_of_length_deferred_may_be_joined(self, tus: TusClient, kept: Kept) -> None:
        part = await tus.begun(content=b"1,2\n", Upload_Concat="partial", Upload_Defer_Length="1")
        await tus.patch(part, 4, b"3,4\n", Upload_Length="8")
        await tus.begun(None, Upload_Concat=f"final;{part}")
        assert await kept.original() == b"1,2\n3,4\n"


class TestAccess:
    async def test_a_foreign_upload_does_not_exist(self, tus: TusClient, issuer: LocalIssuer) -> None:
        location = await tus.begun(10)
        foreign = issuer.token({"bz": ["administrator"]})
        tus.http.headers["Authorization"] = f"Bearer {foreign}"
        assert (await tus.head(location)).status_code == 404
        assert code_of(await tus.patch(location, 0, b"x")) == (404, "unknown_upload")
        assert code_of(await tus.delete(location)) == (404, "unknown_upload")

    async def test_colleagues_see_it_and_only_stewards_end_it(self, tus: TusClient, issuer: LocalIssuer) -> None:
        location = await tus.begun(10)
        own = tus.http.headers["Authorization"]
        for roles, patched, deleted in ((["reader"], 403, 403), (["uploader"], 403, 403), (["steward"], 403, 204)):
            token = issuer.token({"aq": roles}, subject=uuid4())
            tus.http.headers["Authorization"] = f"Bearer {token}"
            assert (await tus.patch(location, 0, b"x")).status_code == patched
            assert (await tus.delete(location)).status_code == deleted
        tus.http.headers["Authorization"] = own
        assert (await tus.head(location)).status_code == 410

    async def test_without_a_right_nothing_is_created(self, tus: TusClient) -> None:
        assert code_of(await TusClient(tus.http, CREATION.replace("aq", "bz")).create(3)) == (403, "role_missing")
        assert code_of(await TusClient(tus.http, CREATION.replace("aq", "nn")).create(3)) == (
            404,
            "unknown_institution",
        )
        bad = TusClient(tus.http, CREATION.replace("air-quality", "Air_Quality"))
        assert code_of(await bad.create(3)) == (422, "invalid_dataset")
        del tus.http.headers["Authorization"]
        assert code_of(await tus.create(3)) == (401, "token_missing")


class TestIdempotency:
    async def test_the_same_key_gives_the_same_upload_where_it_stands(self, tus: TusClient) -> None:
        first = await tus.create(10, b"abc", Idempotency_Key="k")
        second = await tus.create(10, b"abc", Idempotency_Key="k")
        assert second.headers["location"] == first.headers["location"]
        assert (second.status_code, second.headers["upload-offset"]) == (201, "3")
        assert second.headers["idempotent-replayed"] == "true"

    async def test_another_file_under_the_key_is_refused(self, tus: TusClient) -> None:
        await tus.create(10, Idempotency_Key="k")
        for answer in (
            await tus.create(11, Idempotency_Key="k"),
            await tus.create(10, Idempotency_Key="k", Upload_Metadata="filename YQ=="),
            await TusClient(tus.http, CREATION.replace("air-quality", "water")).create(10, Idempotency_Key="k"),
        ):
            assert code_of(answer) == (422, "idempotency_key_reused")

    async def test_the_key_stands_for_the_file_in_a_plain_upload_too(self, tus: TusClient, kept: Kept) -> None:
        location = await tus.begun(len(CSV), CSV, Idempotency_Key="k")
        path = CREATION.replace("/tus", "/uploads")
        posted = await tus.http.post(path, content=CSV, headers={"Idempotency-Key": "k"})
        assert posted.json()["upload_id"] == location.rsplit("/", 1)[1]
        assert posted.headers["idempotent-replayed"] == "true"
        other = await tus.http.post(path, content=CSV + b"x", headers={"Idempotency-Key": "k"})
        assert code_of(other) == (422, "idempotency_key_reused")
        assert len(await kept.events()) == 1

    async def test_one_key_many_times_at_once_makes_one_upload(self, tus: TusClient, kept: Kept) -> None:
        answers = await asyncio.gather(*(tus.create(len(CSV), CSV, Idempotency_Key="k") for _ in range(6)))
        assert len({answer.headers["location"] for answer in answers}) == 1
        assert len(await kept.events()) == 1
        assert await kept.original() == CSV

    async def test_the_same_bytes_again_are_unchanged_unless_forced(self, tus: TusClient, kept: Kept) -> None:
        first = await tus.create(len(CSV), CSV)
        again = await tus.create(len(CSV), CSV)
        assert again.headers["upload-outcome"] == "unchanged"
        assert again.headers["link"] == first.headers["link"]
        forced = await TusClient(tus.http, CREATION + "?force=true").create(len(CSV), CSV)
        assert forced.headers["upload-outcome"] == "received"
        assert len(await kept.events()) == 2
        assert len(await kept.keys()) == 2
