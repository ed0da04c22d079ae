"""A small run of the fuzzing, always the same; and what once failed."""

import pytest

from fuzz.__main__ import CORPUS
from fuzz.found import FOUND
from fuzz.running import fuzz, input_of
from fuzz.seeds import seeds
from processing_svc.handlers.registry import formats

INPUTS = 8
SEED = 20260301


@pytest.mark.parametrize("file_format", formats())
async def test_broken_files_end_in_tables_or_typed_refusals(file_format: str) -> None:
    sound = seeds(file_format, CORPUS if CORPUS.is_dir() else None)
    if not sound:
        pytest.skip("../shared/corpus is absent, and nothing here writes this format")
    tally = await fuzz(file_format, [(number, input_of(sound, file_format, SEED, number)) for number in range(INPUTS)])
    assert tally.ends.total() == INPUTS
    assert not tally.faults


def test_an_input_can_be_made_again_from_its_number() -> None:
    sound = seeds("csv", None)
    assert input_of(sound, "csv", 7, 3) == input_of(sound, "csv", 7, 3) != input_of(sound, "csv", 7, 4)


@pytest.mark.parametrize("name", FOUND)
async def test_what_once_failed_does_so_no_more(name: str) -> None:
    file_format, make = FOUND[name]
    assert not (await fuzz(file_format, [(0, make())])).faults
