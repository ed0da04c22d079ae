"""A table's items on a Ray cluster, for those who have one: `pip install quality-svc[ray]`.

Ray runs the very functions of the other executors; nothing here knows the profile. The parts must be readable under the
same paths on every node (a shared file system), and so must `scratch` be. Ray's workers are no sandbox: this is for
tables that their owner trusts.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class RayMissingError(Exception):
    """Ray is not installed, or no cluster is connected."""

    code = "ray_missing"


class RayExecutor(Executor):
    """Submits functions to the Ray cluster that this process is connected to (`ray.init`); one CPU for each.

    For `partitions.running.partitioned`. Raises `RayMissingError`.
    """

    def __init__(self, cpus: float = 1.0, retries: int = 3) -> None:
        try:
            import ray  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise RayMissingError("Ray is not installed: pip install 'quality-svc[ray]'") from error
        if not ray.is_initialized():
            raise RayMissingError("no Ray cluster is connected: call ray.init first")
        self._ray = ray
        self._options = {"num_cpus": cpus, "max_retries": retries, "scheduling_strategy": "SPREAD"}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run `fn` on some node; a node that dies has it run on another, up to `retries` times."""
        reference = self._ray.remote(fn).options(**self._options).remote(*args, **kwargs)
        future: Future[Any] = reference.future()
        return future
