"""Row queries against plain DuckDB on the same Parquet object, with the same limits, in the same run.

    make bench BENCH=rows [ARGS="--rows 1000000 10000000"]

Starts its own S3. A question is all that the operation does behind HTTP: the table's columns are looked up, the
selection is checked, its SQL is run, the rows become Python values. The yardstick is the statement that somebody would
write for the same rows, in a DuckDB connection of the same memory, threads and store. Both in turns; printed are the
medians of the time and of the processor time of this process, their ratios, and by how much its memory grew at most.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import duckdb
from object_store import MIB, Figure, measured

from catalog_svc.rows import aggregation, selection
from catalog_svc.rows.aggregation import Aggregation, expression
from catalog_svc.rows.connecting import connect, reach_of
from catalog_svc.rows.engine import Engine
from catalog_svc.rows.language import Selection, from_parameters
from catalog_svc.settings import CatalogSettings
from dataplatform.storage import open_store
from dataplatform_stack.testing import TestS3

ROUNDS: Final = 5
PAGE: Final = 100
TABLE: Final = """
COPY (SELECT i AS id, 'city ' || hash(i) % 1000 AS city, (hash(i + 7) % 1000000) / 100.0 AS price,
             TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS at, hash(i + 13) % 100 AS age,
             CASE WHEN hash(i + 17) % 10 = 0 THEN NULL ELSE 'note ' || hash(i + 19) % 100000 END AS note
      FROM range({rows}) AS t(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)
"""

Work = Callable[[], Awaitable[object]]


def settings_of(server: TestS3, bucket: str, scratch: Path) -> CatalogSettings:
    """Return the settings of a catalog on a bucket."""
    s3 = {name.lower(): value for name, value in server.settings("unused").items()}
    given = {
        **s3,
        "database_url": "unused",
        "kafka_bootstrap_servers": "unused",
        "secret_key": "a benchmark needs no secret worth the name",
        "object_store_url": f"s3://{bucket}",
        "scratch_dir": scratch,
    }
    return CatalogSettings.model_validate(given)


def make(path: Path, rows: int) -> None:
    """Write the table: six columns, ten bytes or so of each packed."""
    duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}).execute(TABLE.format(rows=rows, path=path))


class Questions:
    """What is asked, ours and plain, of one object."""

    def __init__(self, engine: Engine, plain: duckdb.DuckDBPyConnection, uri: str, rows: int) -> None:
        self._engine, self._plain, self._uri, self._rows = engine, plain, uri, rows

    async def pairs(self) -> dict[str, tuple[Work, Work]]:
        """Return each question by its name: how we answer it, and how plain DuckDB does."""
        asked = {
            "first page": ([], "SELECT * FROM t LIMIT 101"),
            "filter, statistics": (
                [("id[gte]", [str(self._rows // 2)]), ("price[gt]", ["9990"])],
                f"SELECT * FROM t WHERE id >= {self._rows // 2} AND price > 9990 LIMIT 101",
            ),
            "filter, all read": (
                [("city[eq]", ["city 7"]), ("age[lt]", ["2"]), ("note[is_null]", ["true"])],
                "SELECT * FROM t WHERE city = 'city 7' AND age < 2 AND note IS NULL LIMIT 101",
            ),
            "sort": ([("sort", ["-price,id"])], "SELECT * FROM t ORDER BY price DESC, id LIMIT 101"),
        }
        found: dict[str, tuple[Work, Work]] = {}
        for name, (parameters, sql) in asked.items():
            chosen = from_parameters(parameters, frozenset())
            found[name] = (self._page(chosen), self._said(sql))
        deep = self._rows * 9 // 10
        cursor = await self._cursor(deep)
        found["deep page by cursor"] = (
            self._page(Selection(), cursor),
            self._said(f"SELECT * FROM t LIMIT 101 OFFSET {deep + 1}"),
        )
        found["aggregate"] = (
            self._aggregate,
            self._said("SELECT city, count(*), sum(price), avg(age) FROM t GROUP BY city ORDER BY 3 DESC LIMIT 10"),
        )
        return found

    async def _chosen(self, asked: Selection) -> selection.Chosen:
        return selection.choose(asked, await self._engine.columns([self._uri]), "the table")

    def _page(self, asked: Selection, cursor: str | None = None) -> Work:
        async def work() -> object:
            page = selection.page(await self._chosen(asked), [self._uri], PAGE, 0, cursor)
            return await self._engine.run(page.query.sql, page.query.parameters)

        return work

    async def _cursor(self, passed: int) -> str | None:
        page = selection.page(await self._chosen(Selection()), [self._uri], 1, passed, None)
        _, rows = await self._engine.run(page.query.sql, page.query.parameters)
        return page.next(rows)

    async def _aggregate(self) -> object:
        wanted = Aggregation(
            (expression("city"),), tuple(map(expression, ("count()", "sum(price)", "avg(age)"))), ("-sum(price)",)
        )
        query = aggregation.aggregate(await self._chosen(Selection()), [self._uri], wanted, 10, 0)
        return await self._engine.run(query.sql, query.parameters)

    def _said(self, sql: str) -> Work:
        said = sql.replace("FROM t", f"FROM read_parquet('{self._uri}')")
        return lambda: asyncio.to_thread(lambda: self._plain.cursor().execute(said).fetchall())


async def compared(ours: Work, plain: Work) -> tuple[list[Figure], list[Figure]]:
    """Measure both in turns, after one time each that fills caches."""
    await ours()
    await plain()
    found: tuple[list[Figure], list[Figure]] = ([], [])
    for _ in range(ROUNDS):
        found[0].append(await measured(ours))
        found[1].append(await measured(plain))
    return found


def show(name: str, ours: list[Figure], plain: list[Figure]) -> None:
    """Print one line."""

    def middle(figures: list[Figure], what: str) -> float:
        return float(statistics.median(getattr(one, what) for one in figures))

    seconds, cpu = ((middle(ours, what), middle(plain, what)) for what in ("seconds", "cpu_seconds"))
    growth = [max(one.growth for one in figures) / MIB for figures in (ours, plain)]
    print(
        f"  {name:22} {seconds[0] * 1e3:8.1f} ms, {seconds[0] / seconds[1]:5.2f} x; processor {cpu[0] * 1e3:8.1f} ms, "
        f"{cpu[0] / max(cpu[1], 0.01):5.2f} x; +{growth[0]:.0f} MiB (plain +{growth[1]:.0f})",
        flush=True,
    )


async def main() -> None:
    """Measure every question at every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    sizes = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        server = TestS3(scratch / "s3")
        server.start()
        try:
            for rows in sizes:
                await _at(server, scratch, rows)
        finally:
            server.kill()


async def _at(server: TestS3, scratch: Path, rows: int) -> None:
    bucket, file = server.create_bucket(), scratch / "table.parquet"
    make(file, rows)
    settings: Any = settings_of(server, bucket, scratch)
    async with open_store(settings) as store:
        await store.put_file("table.parquet", file)
        uri = store.uri("table.parquet")
    print(f"{rows:,} rows, {file.stat().st_size / MIB:.0f} MiB", flush=True)
    file.unlink()
    engine, plain = Engine(settings), connect(reach_of(settings))
    try:
        for name, (ours, theirs) in (await Questions(engine, plain, uri, rows).pairs()).items():
            show(name, *await compared(ours, theirs))
    finally:
        engine.close()
        plain.close()


if __name__ == "__main__":
    asyncio.run(main())
