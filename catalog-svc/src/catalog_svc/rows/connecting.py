"""DuckDB opened on the object store, with limits and without anything that is fetched at run time."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from catalog_svc.settings import CatalogSettings

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Reach:
    """What an engine may use and reach. `s3` are the options of DuckDB's secret, None where files are in a folder."""

    memory_mb: int
    threads: int
    spill: str
    s3: dict[str, str] | None


def reach_of(settings: CatalogSettings) -> Reach:
    """Return what the settings allow."""
    spill = str(settings.scratch_dir / "catalog-queries")
    return Reach(settings.query_memory_mb, settings.query_threads, spill, _s3_options(settings))


def connect(reach: Reach) -> "duckdb.DuckDBPyConnection":
    """Return a connection whose settings may still be changed."""
    import duckdb  # noqa: PLC0415 - a process that serves no rows pays nothing for it

    config: dict[str, Any] = {
        "memory_limit": f"{reach.memory_mb}MB",
        "threads": reach.threads,
        "temp_directory": reach.spill,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    root = duckdb.connect(":memory:", config=config)
    root.execute("LOAD parquet")  # built in, but its settings exist only once it is loaded
    root.execute("SET parquet_metadata_cache = true")
    if reach.s3 is not None:
        root.load_extension(str(_httpfs()))
        # a secret takes no bound values
        listed = ", ".join(f"{name} {literal(value)}" for name, value in reach.s3.items())
        root.execute(f"CREATE SECRET objects (TYPE s3, {listed})")
    root.execute("SET TimeZone = 'UTC'")
    return root


def literal(text: str) -> str:
    """Return a text as SQL has it, where nothing can be bound."""
    return "'" + text.replace("'", "''") + "'"


def _s3_options(settings: CatalogSettings) -> dict[str, str] | None:
    if not settings.object_store_url.startswith("s3://"):
        return None
    options = {
        "KEY_ID": settings.s3_access_key_id or "",
        "SECRET": settings.s3_secret_access_key.get_secret_value() if settings.s3_secret_access_key else "",
        "REGION": settings.s3_region,
    }
    if settings.s3_endpoint_url:
        endpoint = urlsplit(settings.s3_endpoint_url)
        options |= {"ENDPOINT": endpoint.netloc, "URL_STYLE": "path"}
        options["USE_SSL"] = "true" if endpoint.scheme == "https" else "false"
    return options


def _httpfs() -> Path:
    # it comes in a wheel, so nothing is downloaded
    package = find_spec("duckdb_extension_httpfs")
    folders = (package.submodule_search_locations if package else None) or []
    for folder in folders:
        for found in Path(folder).rglob("httpfs.duckdb_extension"):
            return found
    raise FileNotFoundError("the package duckdb-extension-httpfs is not installed; DuckDB cannot read S3 without it")
