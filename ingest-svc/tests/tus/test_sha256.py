"""The resumable SHA-256 is hashlib's, whatever the cuts, and as fast."""

import hashlib
import random
import time

import pytest

from ingest_svc.tus import sha256

CASES = 200


def test_any_cuts_give_the_hash_of_the_whole_also_over_exported_states() -> None:
    chance = random.Random(5)
    for _ in range(CASES):
        data = chance.randbytes(chance.choice((0, 1, 55, 56, 63, 64, 65, 1000, 70_000)))
        digest: sha256.Digest | None = sha256.begin()
        position = 0
        while position < len(data):
            end = min(len(data), position + chance.choice((1, 63, 64, 65, 999, 65_536)))
            assert digest is not None
            digest.update(data[position:end] if chance.random() < 0.5 else bytearray(data[position:end]))
            position = end
            state = digest.export()
            assert state is not None
            digest = sha256.resume(state)
        assert digest is not None
        assert digest.hexdigest() == hashlib.sha256(data).hexdigest()
        assert digest.hexdigest() == hashlib.sha256(data).hexdigest(), "asking changes nothing"


def test_more_bits_than_fit_32() -> None:
    block = bytes(1 << 26)
    digest, plain = sha256.begin(), hashlib.sha256()
    for _ in range(9):
        digest.update(block)
        plain.update(block)
    state = digest.export()
    assert state is not None
    resumed = sha256.resume(state)
    assert resumed is not None
    resumed.update(b"end")
    plain.update(b"end")
    assert resumed.hexdigest() == plain.hexdigest()


def test_it_is_as_fast_as_hashlib() -> None:
    block = bytes(1 << 24)

    def seconds(digest: "sha256.Digest | hashlib._Hash") -> float:
        before = time.process_time()
        digest.update(block)
        return time.process_time() - before

    ours, theirs = sha256.begin(), hashlib.sha256()
    assert min(seconds(ours) for _ in range(5)) < 1.5 * min(seconds(theirs) for _ in range(5))


@pytest.mark.parametrize("state", [b"", b"\x01", b"\x02" + bytes(40), b"\x01" + bytes(40) + b"x"])
def test_what_is_no_state_is_refused(state: bytes) -> None:
    with pytest.raises(sha256.InvalidStateError):
        sha256.resume(state)


def test_without_the_library_hashes_are_right_and_have_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sha256, "_library", lambda: None)
    digest = sha256.begin()
    digest.update(b"abc")
    assert (digest.hexdigest(), digest.export()) == (hashlib.sha256(b"abc").hexdigest(), None)
    assert sha256.resume(b"\x01" + bytes(40)) is None
