import json
from collections.abc import Callable
from typing import Any

import pytest
from cloudevents.v1.kafka import KafkaMessage, from_binary

from dataplatform.events.registry import UnknownEventTypeError
from dataplatform.log.envelope import Envelope, UndecodableRecordError, from_kafka, to_kafka

Streams = Callable[..., list[Envelope]]


def test_a_record_is_read_back_as_it_was_written(stream_of: Streams) -> None:
    for envelope in stream_of(3):
        assert from_kafka(envelope.topic, *to_kafka(envelope)) == envelope
        assert Envelope.from_record(json.loads(json.dumps(envelope.to_record()))) == envelope


def test_the_cloudevents_sdk_reads_our_records(stream_of: Streams) -> None:
    envelope = stream_of(1)[0]
    key, value, headers = to_kafka(envelope)
    event = from_binary(KafkaMessage(headers=dict(headers), key=key, value=value))
    assert (event["id"], event["type"], event["subject"]) == (str(envelope.id), envelope.type, envelope.stream)
    assert event["sequence"] == "000000000001"
    assert event["source"] == f"/ingest-svc/{envelope.stream}"


def test_sequences_compare_as_text_in_order(stream_of: Streams) -> None:
    sequences = [dict(to_kafka(envelope)[2])["ce_sequence"] for envelope in stream_of(12)]
    assert sequences == sorted(sequences)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": b"\xff\xfe not json"}, "body_not_json"),
        ({"value": None}, "body_not_json"),
        ({"value": b'{"a":' * 5000 + b"1" + b"}" * 5000}, "body_not_json"),
        ({"value": b"[1]"}, "body_not_object"),
        ({"value": b'{"name": "a\\u0000b"}'}, "body_not_storable"),
        ({"value": b'{"name": "a\\ud800b"}'}, "body_not_storable"),
        ({"headers": []}, "not_a_cloudevent"),
        ({"header": ("ce_subject", b"upload:\0")}, "attributes_invalid"),
        ({"header": ("ce_sequence", b"9" * 30)}, "attributes_invalid"),
        ({"header": ("ce_id", b"no uuid")}, "attributes_invalid"),
        ({"header": ("ce_id", b"\xff\xff")}, "attributes_invalid"),
        ({"header": ("ce_sequence", b"0")}, "attributes_invalid"),
        ({"header": ("ce_time", b"yesterday")}, "attributes_invalid"),
        ({"header": ("ce_specversion", b"0.3")}, "not_a_cloudevent"),
        ({"key": b"\xff"}, "attributes_invalid"),
    ],
)
def test_what_is_no_event_of_ours_is_told_by_a_code(stream_of: Streams, change: dict[str, Any], code: str) -> None:
    key, value, headers = to_kafka(stream_of(1)[0])
    record: dict[str, Any] = {"key": key, "value": value, "headers": headers, **change}
    if header := record.pop("header", None):
        record["headers"] = [*[pair for pair in headers if pair[0] != header[0]], header]
    with pytest.raises(UndecodableRecordError) as refused:
        from_kafka("ingest.uploads.v1", record["key"], record["value"], record["headers"])
    assert refused.value.code == code


def test_a_type_of_a_later_release_is_told_by_its_name(stream_of: Streams) -> None:
    record = stream_of(1)[0].to_record()
    with pytest.raises(UnknownEventTypeError, match=r"upload\.withdrawn\.v9"):
        Envelope.from_record({**record, "type": "upload.withdrawn.v9"}).event()
