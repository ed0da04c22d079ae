import json
from collections.abc import Mapping
from typing import Any

from dataplatform.events.heartbeats import LISTED_TABLES, Progress
from dataplatform.jobs.inside import PROGRESS_BYTES
from dataplatform.jobs.progress import EVERY_SECONDS, TablesProgress


class Telling:
    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.now = 0.0
        self.progress = TablesProgress(self.told.append, lambda: self.now)

    def later(self) -> None:
        self.now += EVERY_SECONDS


def test_a_short_parse_tells_nothing_and_a_long_one_at_a_bounded_rate() -> None:
    one = Telling()
    one.progress.begin("a")
    for _ in range(1000):
        one.progress.advance(1, 8)
    assert one.told == []
    one.later()
    one.progress.advance(1, 8)
    one.progress.advance(1, 8)
    assert [told["rows"] for told in one.told] == [1001]


def test_tables_are_told_one_by_one_and_what_is_read_again_counts_once() -> None:
    one = Telling()
    one.progress.begin("a")
    one.progress.advance(10, 100)
    one.progress.restart()
    one.progress.advance(7, 70)
    one.progress.end(kept=True)
    one.progress.begin("broken")
    one.progress.advance(3, 30)
    one.progress.end(kept=False)
    one.progress.begin("b")
    one.later()
    one.progress.advance(5, 50)
    told = Progress.model_validate(one.told[-1])
    assert (told.rows, told.bytes, told.table_count) == (12, 120, 2)
    assert [(table.index, table.name, table.rows, table.done) for table in told.tables] == [
        (0, "a", 7, True),
        (1, "b", 5, False),
    ]


def test_the_share_that_was_read_never_goes_back_and_is_absent_where_nobody_knows_it() -> None:
    one = Telling()
    one.progress.begin("a")
    assert "share" not in one.progress.snapshot()
    one.later()
    one.progress.read(0.5)
    assert one.told[-1]["share"] == 0.5
    one.progress.read(0.25)
    assert one.progress.snapshot()["share"] == 0.5
    one.progress.read(7.0)
    assert Progress.model_validate(one.progress.snapshot()).share == 1.0


def test_of_very_many_tables_with_long_names_the_last_are_listed_and_all_are_counted() -> None:
    one = Telling()
    for _ in range(3 * LISTED_TABLES):
        one.progress.begin("\U0001f600" * 255)
        one.progress.advance(2, 20)
        one.progress.end(kept=True)
    told = one.progress.snapshot()
    assert (told["rows"], told["table_count"], len(told["tables"])) == (600, 300, LISTED_TABLES)
    Progress.model_validate(told)
    assert len(json.dumps({"progress": told})) < PROGRESS_BYTES
