"""Latency of a page of search results with all facets, by kind of search, against the size of the catalog.

    make bench BENCH=search [ARGS="--sizes 10000 100000 1000000 --out docs/growth/search.svg"]

One catalog grows from size to size: rows straight into the tables, of words as frequent as those of a language are
(Zipf, 200,000 of them), and the search documents made of them as the projector makes them; beyond 100,000 they are
copies with ids, dates and samples of their own, so that a word is in as large a part of them as before. A search is
what the operation does, from its words to the datasets of its page; HTTP is not in it. Prints, for each kind, the
milliseconds at the median and the 99th percentile, and the processor milliseconds that a search takes, PostgreSQL's
and Python's: on a machine with other work the clock tells of that, too.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psutil
import psycopg
from harness.plot import Line, plot

from dataplatform.identity import Principal
from dataplatform_stack.testing import TestPostgres

NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
VOCABULARY: Final = 200_000
INSTITUTIONS: Final = 500
READER: Final = UUID(int=42)

_FUNCTIONS: Final = """
CREATE FUNCTION bench_word(r integer) RETURNS text LANGUAGE sql IMMUTABLE RETURN
    substr('bacedifoguhajekilomupaqerisotuvawexiyo', 1 + 2 * (r % 19), 2)
    || substr('nadelimoruntarsenkilpostumwarbek', 1 + 2 * ((r / 19) % 16), 2)
    || substr('tionenchlysterandingouskamvo', 1 + 2 * ((r / 304) % 14), 2)
    || CASE WHEN r >= 4256 THEN substr('radomefisulanetopikubeva', 1 + 2 * ((r / 4256) % 12), 2) ELSE '' END
    || CASE WHEN r >= 51072 THEN chr(97 + r / 51072) || 'n' ELSE '' END;
CREATE FUNCTION bench_id(g integer, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN md5(g || salt)::uuid
"""
_TEXT: Final = f"""
(SELECT string_agg(bench_word(floor(power({VOCABULARY}, random()))::integer), ' ')
 FROM generate_series(1, {{}} + g * 0))
"""
_ROWS: Final = f"""
INSERT INTO datasets (dataset_id, institution_id, institution_slug, slug, title, description, licence, tags, visibility,
                      publication, registered_at)
SELECT bench_id(g, 'd'), bench_id(i, 'i'), 'inst-' || i, 'set-' || g, {_TEXT.format(6)}, {_TEXT.format(30)},
       (ARRAY['CC-BY-4.0', 'CC0-1.0', 'ODbL-1.0', 'MIT', NULL])[1 + floor(5 * power(random(), 2))::integer],
       string_to_array({_TEXT.format(3)}, ' '),
       CASE WHEN v < 0.9 THEN 'public' WHEN v < 0.96 THEN 'institution' ELSE 'restricted' END, 'automatic',
       timestamptz '2026-03-01' - power(random(), 2) * interval '4 years'
FROM (SELECT g, floor({INSTITUTIONS} * power(random(), 2))::integer AS i, random() AS v
      FROM generate_series(%(first)s, %(last)s) AS g) AS s;
INSERT INTO versions (version_id, dataset_id, number, upload_id, run_id, assessment_id, original, format, handler,
                      handler_version, table_count, unextracted, quality, measures, suitability, published_at)
SELECT bench_id(g, 'r'), bench_id(g, 'd'), 1, bench_id(g, 'u'), bench_id(g, 'r'), bench_id(g, 'a'), '{{}}',
       (ARRAY['csv', 'xlsx', 'pdf', 'parquet'])[1 + floor(4 * power(random(), 2))::integer], 'h', '1', 1, '[]',
       1 - power(random(), 3), '[]',
       jsonb_build_array(jsonb_build_object('task', 'regression', 'verdict',
                                            (ARRAY['suitable', 'conditional', 'unsuitable'])[1 + floor(3 * random())])),
       timestamptz '2026-03-01' - random() * interval '3 years'
FROM generate_series(%(first)s, %(last)s) AS g;
INSERT INTO tables (table_id, run_id, dataset_id, index, name, origin, parts, row_count, column_count, columns)
SELECT bench_id(g, 't'), bench_id(g, 'r'), bench_id(g, 'd'), 0, bench_word(mod(g, 1000)), '{{}}', '[]',
       power(10, 8 * random())::bigint, 8,
       (SELECT jsonb_agg(jsonb_build_object('position', n - 1, 'type', 'string', 'name', w)) FROM unnest(
            string_to_array({_TEXT.format(8)}, ' ')) WITH ORDINALITY AS u (w, n))
FROM generate_series(%(first)s, %(last)s) AS g;
INSERT INTO assessments (assessment_id, run_id, dataset_id, status, measures, tables, suitability, columns, ended_at)
SELECT bench_id(g, 'a'), bench_id(g, 'r'), bench_id(g, 'd'), 'completed', '[]', '[]', '[]',
       (SELECT jsonb_agg(jsonb_build_object(
            'table_id', bench_id(g, 't'), 'position', n, 'unique', n = 0, 'distinct', power(10, 4 * random())::integer,
            'semantic', (ARRAY['country', 'identifier', 'measure', 'point_in_time', 'category', 'city'])
                        [1 + floor(6 * random())]))
        FROM generate_series(0, 7 + g * 0) AS n), now()
FROM generate_series(%(first)s, %(last)s) AS g
"""

MADE: Final = 100_000
_INVERTED: Final = """
SELECT indexname, indexdef FROM pg_indexes
WHERE indexname IN ('search_documents_found', 'search_words_deletions')
"""
_NAMED: Final = "SELECT dataset_id FROM datasets WHERE slug = ANY (%s)"
_COPIES: Final = (
    """
INSERT INTO datasets (dataset_id, institution_id, institution_slug, slug, title, description, licence, tags, visibility,
                      publication, registered_at)
SELECT md5(dataset_id::text || k)::uuid, institution_id, institution_slug, slug || '-' || k, title, description,
       licence, tags, visibility, publication, registered_at
FROM datasets CROSS JOIN generate_series(1, %s) AS k
""",
    """
INSERT INTO search_documents (dataset_id, institution_slug, visibility, words, version_id, version_count, updated_at,
                              marks, prior, recipe)
SELECT n.id, institution_slug, visibility, words, version_id, version_count, updated_at + k * interval '7 hours',
       ARRAY(SELECT m FROM unnest(marks) AS m WHERE m NOT LIKE '~%%')
       || ARRAY(SELECT '~' || l FROM generate_series(1, 12) AS l
                WHERE mod(('x' || right(n.id::text, 4))::bit(16)::integer, 1 << l) = 0),
       prior + k * 0.00002, recipe
FROM search_documents CROSS JOIN generate_series(1, %s) AS k
CROSS JOIN LATERAL (SELECT md5(dataset_id::text || k)::uuid AS id) AS n
ORDER BY n.id
""",
)


def grow(connection: psycopg.Connection[Any], first: int, last: int) -> None:
    """Add datasets `first` to `last` with their documents; inverted indexes are made again at the end."""
    search = import_module("catalog_svc.projections.search")
    inverted = connection.execute(_INVERTED).fetchall()
    for name, _ in inverted:
        connection.execute(f"DROP INDEX {name}")
    for begin in range(first, min(last, MADE) + 1, 25_000):
        end = min(begin + 24_999, last, MADE)
        with connection.transaction(), connection.cursor() as cursor:
            for statement in _ROWS.split(";\n"):
                cursor.execute(statement % {"first": begin, "last": end})
            cursor.execute(_NAMED, ([f"set-{number}" for number in range(begin, end + 1)],))
            search.refresh(cursor, [row[0] for row in cursor.fetchall()])
        print(f"  {end:,} datasets", file=sys.stderr, flush=True)
    if last > MADE:
        copies = [last // MADE - 1]
        for statement in (*_COPIES, "ANALYZE search_documents"):
            connection.execute(statement, copies if "%s" in statement else None)
            print("  copied", file=sys.stderr, flush=True)
    connection.execute("SET maintenance_work_mem = '1GB'")
    for _, definition in inverted:
        connection.execute(definition)
    connection.execute("VACUUM ANALYZE search_documents, search_words, datasets")


def word(rank: int) -> str:
    """Return the word of a rank, as the database makes it."""
    with import_module("django.db").connection.cursor() as cursor:
        cursor.execute("SELECT bench_word(%s)", [rank])
        return str(cursor.fetchone()[0])


def kinds(chance: random.Random) -> dict[str, Callable[[], tuple[str, dict[str, list[str]], bool]]]:
    """Return, by name, what makes a search: words, what is chosen, and whether it is a member's."""
    ranks = {rank: word(rank) for rank in {1, 2, 3, 5, 9, 20, *range(100, 130), *range(20_000, 20_200)}}
    common = [ranks[rank] for rank in (1, 2, 3, 5, 9, 20)]
    medium = [ranks[rank] for rank in range(100, 130)]
    rare = [ranks[rank] for rank in range(20_000, 20_200)]

    def typo() -> str:
        given = chance.choice(rare)
        at = chance.randrange(1, len(given))
        return given[:at] + "x" + given[at:]

    return {
        "nothing typed": lambda: ("", {}, False),
        "a common word": lambda: (chance.choice(common), {}, False),
        "a word in a hundred": lambda: (chance.choice(medium), {}, False),
        "a rare word": lambda: (chance.choice(rare), {}, False),
        "two common words": lambda: (" ".join(chance.sample(common, 2)), {}, False),
        "three words": lambda: (" ".join([*chance.sample(common, 2), chance.choice(medium)]), {}, False),
        "a phrase": lambda: (f'"{chance.choice(common)} {chance.choice(common)}"', {}, False),
        "a prefix": lambda: (chance.choice(rare)[:4] + "*", {}, False),
        "a typo": lambda: (typo(), {}, False),
        "facets only": lambda: ("", {"format": ["csv", "pdf"], "quality": ["good"]}, False),
        "word and facets": lambda: (chance.choice(common), {"format": ["xlsx"], "institution": ["inst-7"]}, False),
        "member, nothing typed": lambda: ("", {}, True),
        "member, common word": lambda: (chance.choice(common), {}, True),
    }


def measure(server: psutil.Process, times: int) -> dict[str, tuple[float, float, float]]:
    """Return, by kind, milliseconds at the median and at the 99th percentile, and processor milliseconds."""
    finding, facets, api = (import_module(f"catalog_svc.search.{name}") for name in ("finding", "facets", "api"))
    member = Principal(READER, {f"inst-{n}": frozenset({"reader"}) for n in range(5)}, admin=False)
    found = {}
    for name, make in kinds(random.Random(1)).items():
        spent, processor = [], 0.0
        for turn in range(times + 5):
            typed, chosen, as_member = make()
            asked = finding.Request(typed, facets.Choices(chosen, NOW), 20, facets=facets.FACETS)
            principal = member if as_member else None
            before, began = _processor(server), time.perf_counter()
            answer = finding.find(principal, asked)
            api.represented(principal, answer.ids)
            if turn >= 5:
                spent.append((time.perf_counter() - began) * 1000)
                processor += (_processor(server) - before) * 1000
        spent.sort()
        found[name] = (statistics.median(spent), spent[int(len(spent) * 0.99)], processor / times)
    return found


def _processor(server: psutil.Process) -> float:
    return time.process_time() + sum(_time_of(process) for process in server.children(recursive=True))


def _time_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def peak_mib(server: psutil.Process) -> float:
    """Return the largest private memory that a session of PostgreSQL holds now, in MiB."""
    return max(process.memory_full_info().uss for process in server.children(recursive=True)) / 2**20


def main(arguments: Any = None) -> None:
    """Start a database, grow a catalog in it, search, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, _database(Path(folder) / "postgres", folder) as (url, server):
        results = {}
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FUNCTIONS)
            grown = 0
            for size in sorted(chosen.sizes):
                began = time.monotonic()
                grow(connection, grown + 1, size)
                grown = size
                print(f"{size:,} datasets, made in {time.monotonic() - began:.0f} s{_sizes(connection)}")
                results[size] = measure(server, chosen.times)
                for name, (median, high, processor) in results[size].items():
                    print(f"  {name:24} {median:7.1f} ms {high:7.1f} ms at p99 {processor:7.1f} ms of processor")
                print(f"  a session of PostgreSQL holds {peak_mib(server):.0f} MiB, this process "
                      f"{psutil.Process().memory_full_info().uss / 2**20:.0f} MiB", flush=True)  # fmt: skip
        if chosen.out:
            kinds_of = [list(result.values()) for result in results.values()]
            typical = Line(
                [statistics.median(k[0] for k in found) for found in kinds_of], "{:.1f} ms: median kind, p50"
            )
            worst = Line([max(k[2] for k in found) for found in kinds_of], "{:.0f} ms of processor: dearest kind")
            chosen.out.write_text(plot("datasets", list(results), typical, worst), "utf-8")


def _sizes(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(
        "SELECT pg_size_pretty(pg_table_size('search_documents')), pg_size_pretty(pg_indexes_size('search_documents'))"
    ).fetchone()
    return f"; documents {row[0]}, their indexes {row[1]}" if row else ""


class _database:  # noqa: N801 - it is used as a function
    """A migrated database on a server of its own, and Django set up for it."""

    def __init__(self, data_dir: Path, objects: str) -> None:
        self._postgres = TestPostgres(data_dir)
        self._objects = objects

    def __enter__(self) -> tuple[str, psutil.Process]:
        self._postgres.start()
        url = str(self._postgres.create_database())
        os.environ |= {
            "DATAPLATFORM_DATABASE_URL": url,
            "DATAPLATFORM_CATALOG_DATABASE_URL": "",
            "DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "DATAPLATFORM_OBJECT_STORE_URL": f"file://{self._objects}",
            "DATAPLATFORM_SECRET_KEY": "only for a benchmark, never for a server",
            "DJANGO_SETTINGS_MODULE": "catalog_svc.django_settings",
        }
        import_module("django").setup()
        import_module("catalog_svc.migrating").migrate(import_module("catalog_svc.settings").settings())
        return url, psutil.Process(self._postgres.pid)

    def __exit__(self, *_: object) -> None:
        import_module("django.db").connection.close()
        self._postgres.kill()


if __name__ == "__main__":
    main()
