from datetime import UTC, datetime
from uuid import UUID

import pytest

from dataplatform.events.base import ObjectRef
from dataplatform.events.ingest import UploadReceived, UploadRejected
from dataplatform.identity import Principal
from dataplatform_formats.detection import Detection, UnacceptableError
from ingest_svc.domain import Arrival, Destination, NotWithdrawableError, Upload, announce, fold

NOW = datetime(2026, 1, 2, tzinfo=UTC)
UPLOADER = UUID(int=7)
TO = Destination(UUID(int=1), "aq", "air")
ARRIVAL = Arrival(TO, ObjectRef(key=TO.object_key, sha256="0" * 64, size_bytes=3), "a.csv", UPLOADER, NOW)


def _principal(*roles: str, subject: UUID = UPLOADER, institution: str = "aq") -> Principal:
    return Principal(subject, {institution: frozenset(roles)})


def _received() -> Upload:
    upload = fold([announce(ARRIVAL, Detection("csv", "utf-8"))])
    assert upload is not None
    return upload


def test_an_acceptable_file_is_announced_with_what_was_found() -> None:
    event = announce(ARRIVAL, Detection("csv", "windows-1251", 0.5))
    assert isinstance(event, UploadReceived)
    assert (event.format, event.media_type, event.encoding, event.confidence) == (
        "csv",
        "text/csv",
        "windows-1251",
        0.5,
    )
    assert event.original.key == f"originals/aq/air/{TO.upload_id}/original"
    assert event.stream == f"upload:{TO.upload_id}"


def test_what_a_file_is_wrapped_in_and_what_its_name_claims_are_told() -> None:
    event = announce(ARRIVAL, Detection("csv", None, 0.9, "gzip", "the name ends in .xls, the content is csv in gzip"))
    assert isinstance(event, UploadReceived)
    assert (event.format, event.compression, event.media_type) == ("csv", "gzip", "application/gzip")
    assert event.name_mismatch == "the name ends in .xls, the content is csv in gzip"


def test_an_unacceptable_file_is_announced_with_the_reason() -> None:
    event = announce(ARRIVAL, UnacceptableError("empty_file"))
    assert isinstance(event, UploadRejected)
    assert (event.reason_code, event.size_bytes) == ("empty_file", 3)


def test_an_empty_stream_is_no_upload() -> None:
    assert fold([]) is None


def test_withdrawing_twice_gives_one_event() -> None:
    upload = _received()
    event = upload.withdraw(_principal("uploader"), "wrong_file", NOW)
    assert event is not None
    after = fold([upload.first, event])
    assert after is not None
    assert (after.state, after.version) == ("withdrawn", 2)
    assert after.withdraw(_principal("uploader"), "requested", NOW) is None


def test_a_rejected_upload_cannot_be_withdrawn() -> None:
    upload = fold([announce(ARRIVAL, UnacceptableError("empty_file"))])
    assert upload is not None
    with pytest.raises(NotWithdrawableError):
        upload.withdraw(_principal("uploader"), "requested", NOW)


@pytest.mark.parametrize(
    ("principal", "sees", "withdraws"),
    [
        (_principal("uploader"), True, True),
        (_principal("uploader", subject=UUID(int=8)), True, False),
        (_principal("steward", subject=UUID(int=8)), True, True),
        (_principal("reader"), True, False),
        (_principal(), False, False),
        (_principal("administrator", institution="bz"), False, False),
    ],
)
def test_who_sees_and_who_withdraws(principal: Principal, sees: bool, withdraws: bool) -> None:
    assert _received().may_be_seen_by(principal) is sees
    assert _received().may_be_withdrawn_by(principal) is withdraws
