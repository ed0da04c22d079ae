"""The same items on a Ray cluster of several nodes. Needs the extra: `pip install 'quality-svc[ray]'`."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.partitions.on_ray import RayExecutor, RayMissingError
from quality_svc.partitions.running import partitioned
from quality_svc.profile.table import TableProfiler

ray: Any = pytest.importorskip("ray", reason="the extra quality-svc[ray] is not installed")
ROWS = 300_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head and two nodes with one CPU each; nothing leaves this machine."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - only where Ray is

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 << 20},
        )
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=100 << 20) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False)
        try:
            yield cluster, nodes
        finally:
            ray.shutdown()
            cluster.shutdown()


def test_without_a_cluster_it_says_so() -> None:
    with pytest.raises(RayMissingError):
        RayExecutor()


def test_items_on_two_nodes_give_the_profile_of_a_single_pass(
    cluster: Any, stored: Callable[..., list[Path]], limits: EngineLimits, all_kinds: Callable[..., pa.Table]
) -> None:
    parts = stored(all_kinds(ROWS), 2, 20_000)
    executor = RayExecutor()
    where = {executor.submit(node_of).result() for _ in range(8)}
    with partitioned(parts, limits, executor, 2 << 20) as profiler:
        merged = list(profiler.columns())
    left_out = {"mean", "sd", "skew", "lengths"}  # equal but for last bits, as test_merging says
    whole = list(TableProfiler(parts, limits).columns())
    assert [one.model_dump(exclude=left_out) for one in merged] == [one.model_dump(exclude=left_out) for one in whole]
    assert len(where) == 2, "both nodes work"


def test_a_node_that_dies_is_worked_round(
    cluster: Any, stored: Callable[..., list[Path]], limits: EngineLimits, all_kinds: Callable[..., pa.Table]
) -> None:
    parts = stored(all_kinds(ROWS), 2, 20_000)
    made, nodes = cluster
    executor = KillsANode(made, nodes[0])
    with partitioned(parts, limits, executor, 2 << 20) as profiler:
        assert next(profiler.columns()).count == ROWS
    assert executor.killed


class KillsANode(RayExecutor):
    """Kills a node when half of the items are submitted."""

    def __init__(self, cluster: Any, node: Any) -> None:
        super().__init__()
        self._cluster, self._node = cluster, node
        self._submitted = 0
        self.killed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._submitted += 1
        future = super().submit(fn, *args, **kwargs)
        if self._submitted == 3:
            self._cluster.remove_node(self._node, allow_graceful=False)
            self.killed = True
        return future


def node_of() -> str:
    """Where this runs."""
    import ray  # noqa: PLC0415 - in a worker of Ray

    return str(ray.get_runtime_context().get_node_id())
