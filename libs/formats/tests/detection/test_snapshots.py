"""An observation that is written down and taken up again, at any cut, finds what it would have found in one go."""

import io
import random

import pytest

from dataplatform_formats.detection import Observation, detect
from dataplatform_formats.detection.outcome import Detection, UnacceptableError

ROWS = "".join(f"Žluťoučký;{n};naïve café\n" for n in range(9000))
FILES = {
    "utf-8": ROWS.encode(),
    "utf-8 with accidents": ROWS.encode().replace(b"na\xc3", b"na\xff", 1),
    "utf-8 with mark": b"\xef\xbb\xbf" + ROWS.encode(),
    "windows-1250": ROWS.encode("cp1250", "replace"),
    "utf-16": ROWS.encode("utf-16"),
    "utf-16 without mark": ROWS.encode("utf-16-be"),
    "ascii, then not": b"a;b\n1;2\n" * 40_000 + "é;ü\n".encode("cp1252"),
    "pdf": b"%PDF-1.7\n" + bytes(200_000),
    "noise": random.Random(1).randbytes(300_000),
    "short": b"a,b\n1,2\n",
    "nothing": b"",
}


def found(observation: Observation, content: bytes) -> Detection | tuple[str, str]:
    observation.finish()
    try:
        return detect(observation, io.BytesIO(content))
    except UnacceptableError as refusal:
        return refusal.code, refusal.detail


@pytest.mark.parametrize("name", FILES)
def test_cuts_change_nothing(name: str) -> None:
    content, chance = FILES[name], random.Random(3)
    whole, resumed = Observation(), Observation()
    for start in range(0, len(content), 20_011):
        whole.feed(content[start : start + 20_011])
        resumed.feed(content[start : start + 20_011])
        if chance.random() < 0.7:
            taken = resumed.snapshot()
            resumed = Observation.restore(taken, resumed.size_bytes)
            assert resumed.snapshot() == taken
    assert found(resumed, content) == found(whole, content)
    assert len(resumed.snapshot()) < 300_000
