"""Downloads in MB/s against a raw get of the same object from the same S3 server, in the same run.

    make bench BENCH=downloads [ARGS="--rows 5000000"]

Starts its own S3. Measured is what the operation does behind HTTP: the original as it is stored, and the table made
into a file of another format while it is sent, all rows or those of a filter. The yardstick is the body of boto3's
`get_object`, read in pieces of a megabyte and thrown away, as the download is. Rates of made files are those of the
bytes sent. In turns, the best of three; and by how much the memory of this process grew at most, at two sizes, as it
shall not depend on the size.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from object_store import MIB, in_turns
from rows import make, settings_of

from catalog_svc.rows import exports, selection
from catalog_svc.rows.compression import compressed
from catalog_svc.rows.engine import Engine
from catalog_svc.rows.exports import Result
from catalog_svc.rows.language import from_parameters
from dataplatform.storage import open_store
from dataplatform_stack.testing import TestS3

KEY: Final = "table.parquet"
Work = Callable[[], Awaitable[object]]
Made = Callable[[], Awaitable[AsyncIterator[bytes]]]


class Counted:
    """Reads a stream to its end and remembers how long it was."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self.size = 0

    async def read(self) -> None:
        """Read it."""
        self.size = 0
        async for piece in await self._made():
            self.size += len(piece)


def raw(server: TestS3, bucket: str) -> Work:
    """Return the get that everything is compared with."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    def get() -> None:
        for _ in client.get_object(Bucket=bucket, Key=KEY)["Body"].iter_chunks(MIB):
            pass

    return lambda: asyncio.to_thread(get)


class Files:
    """The files that are made of one table."""

    def __init__(self, engine: Engine, uri: str) -> None:
        self._engine, self._uri = engine, uri

    async def _result(self, *parameters: tuple[str, list[str]]) -> Result:
        columns = await self._engine.columns([self._uri])
        chosen = selection.choose(from_parameters(parameters, frozenset()), columns, "the table")
        query = selection.whole(chosen, [self._uri])
        return Result(query, [columns[position].type for position in chosen.positions])

    async def csv(self) -> AsyncIterator[bytes]:
        """Return all of it as CSV, formulas escaped."""
        return exports.csv(self._engine, await self._result())

    async def filtered(self) -> AsyncIterator[bytes]:
        """Return a tenth of it, four of its columns, one of another name."""
        asked = (("age[lt]", ["10"]), ("columns", ["id,city,price,at"]), ("rename[price]", ["cost"]))
        return exports.csv(self._engine, await self._result(*asked))

    async def packed(self) -> AsyncIterator[bytes]:
        """Return all of it as CSV in gzip."""
        return compressed(await self.csv(), "gzip")

    async def parquet(self) -> AsyncIterator[bytes]:
        """Return the same tenth as Parquet."""
        return exports.parquet(self._engine, await self._result(("age[lt]", ["10"])))


async def measure(server: TestS3, scratch: Path, rows: int) -> None:
    """Measure the downloads of a table of so many rows."""
    bucket, file = server.create_bucket(), scratch / KEY
    make(file, rows)
    settings = settings_of(server, bucket, scratch)
    engine = Engine(settings)
    async with open_store(settings) as store:
        await store.put_file(KEY, file)
        stored = file.stat().st_size
        file.unlink()

        async def original() -> AsyncIterator[bytes]:
            return store.stream(KEY, 0, stored)

        files = Files(engine, store.uri(KEY))
        made: dict[str, Made] = {
            "original": original,
            "csv": files.csv,
            "csv, a tenth": files.filtered,
            "csv, gzip": files.packed,
            "parquet, a tenth": files.parquet,
        }
        streams = {name: Counted(stream) for name, stream in made.items()}
        works: dict[str, Work] = {"raw get": raw(server, bucket)}
        figures = await in_turns(works | {name: stream.read for name, stream in streams.items()})
    engine.close()
    print(f"{rows:,} rows, {stored / MIB:.0f} MiB stored", flush=True)
    yardstick = stored / figures["raw get"].seconds
    for name, figure in figures.items():
        size = streams[name].size if name in streams else stored
        rate = size / figure.seconds
        print(
            f"  {name:18} {rate / 1e6:7.0f} MB/s, {rate / yardstick:5.2f} of the raw get; {size / MIB:6.0f} MiB sent, "
            f"{figure.cpu_seconds:6.2f} s processor, +{figure.growth / MIB:.0f} MiB",
            flush=True,
        )


async def main() -> None:
    """Measure at a quarter of the size, then at all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        server = TestS3(scratch / "s3")
        server.start()
        try:
            for size in (rows // 4, rows):
                await measure(server, scratch, size)
        finally:
            server.kill()


if __name__ == "__main__":
    asyncio.run(main())
