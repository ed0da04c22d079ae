"""Settings of quality-svc: the common ones and what an assessment may use."""

from pydantic import Field

from dataplatform.settings import CommonSettings

MEBIBYTE = 1 << 20


class QualitySettings(CommonSettings):
    """Every field can be set as `DATAPLATFORM_<FIELD>`."""

    assess_concurrency: int = Field(default=1, gt=0, description="Assessments that one worker runs at once")
    assess_attempts: int = Field(default=3, gt=0, description="Attempts before a version counts as not assessable")
    assess_threads: int = Field(default=1, gt=0, description="Threads of one assessment")
    profile_memory_bytes: int = Field(
        default=384 * MEBIBYTE,
        ge=64 * MEBIBYTE,
        description="What DuckDB may use before it spills to the scratch folder",
    )
    assess_memory_bytes: int = Field(
        default=1024 * MEBIBYTE, ge=128 * MEBIBYTE, description="Private memory at which an assessment is killed"
    )
    assess_cpu_seconds: int = Field(default=3600, gt=0)
    assess_wall_seconds: float = Field(default=7200.0, gt=0)
    assess_output_bytes: int = Field(
        default=4096 * MEBIBYTE, gt=0, description="All that one assessment may write: its document and what spills"
    )
    assess_split_bytes: int = Field(
        default=1024 * MEBIBYTE,
        ge=0,
        description="Size of a table's parts beyond which its profile is measured in items over all workers; 0: never",
    )
    assess_item_bytes: int = Field(
        default=128 * MEBIBYTE, gt=0, description="Bytes of a table from which row groups make an item"
    )
    examine_concurrency: int = Field(
        default=1, ge=0, description="Examinations that one worker runs at once, beside its assessments; 0: none"
    )
    examine_patience_seconds: float = Field(
        default=600.0, ge=0, description="How long an examination lets assessments come first"
    )
    examine_attempts: int = Field(default=3, gt=0, description="Attempts before a version counts as not examinable")
    examine_memory_bytes: int = Field(
        default=1536 * MEBIBYTE, ge=256 * MEBIBYTE, description="Private memory at which an examination is killed"
    )
    examine_cpu_seconds: int = Field(default=3600, gt=0)
    examine_wall_seconds: float = Field(default=14_400.0, gt=0)
    assess_reuse_runs: int = Field(
        default=50, ge=0, description="Small assessments of one institution that share a process; 0: each has its own"
    )
    assess_reuse_max_bytes: int = Field(
        default=MEBIBYTE,
        ge=0,
        description="Size of the Parquet parts together beyond which it has a process of its own",
    )
