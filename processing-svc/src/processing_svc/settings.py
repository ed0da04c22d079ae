"""Settings of processing-svc: the common ones and what a parse may use."""

from pydantic import Field

from dataplatform.settings import CommonSettings

MEBIBYTE = 1 << 20


class ProcessingSettings(CommonSettings):
    """Every field can be set as `DATAPLATFORM_<FIELD>`."""

    parse_concurrency: int = Field(default=1, gt=0, description="Parses that one worker runs at once")
    parse_attempts: int = Field(default=3, gt=0, description="Attempts before an upload counts as not readable")
    parse_memory_bytes: int = Field(
        default=1024 * MEBIBYTE, ge=128 * MEBIBYTE, description="Private memory at which a parse is killed"
    )
    parse_cpu_seconds: int = Field(default=6 * 3600, gt=0)
    parse_wall_seconds: float = Field(default=12 * 3600.0, gt=0)
    parse_output_bytes: int = Field(default=64 * 1024 * MEBIBYTE, gt=0, description="All that one parse may write")
    parse_reuse_runs: int = Field(
        default=50, ge=0, description="Small parses of one institution that share a process; 0: each has its own"
    )
    parse_reuse_max_bytes: int = Field(
        default=MEBIBYTE, ge=0, description="Size of the original beyond which it has a process of its own"
    )
