"""A sandboxed run does its work, or ends in a typed error within its limits; nothing of it is ever left behind."""

import asyncio
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from dataplatform.jobs.sandbox import Limits, Sandbox, SandboxError, SandboxFailure

MIB = 1 << 20
HERE = str(Path(__file__).parent)
LIMITS = Limits(memory_bytes=256 * MIB, cpu_seconds=20, wall_seconds=20, output_bytes=8 * MIB)
SECRETS = {
    "DATAPLATFORM_DATABASE_URL": "postgresql://user:hidden@host/db",
    "DATAPLATFORM_S3_SECRET_ACCESS_KEY": "hidden",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "PGPASSWORD": "hidden",
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(["sandbox_targets"], environment={"PYTHONPATH": HERE}) as opened:
        yield opened


async def run(sandbox: Sandbox, target: str, limits: Limits = LIMITS, **argument: Any) -> dict[str, Any]:
    return await sandbox.run(f"sandbox_targets:{target}", argument, limits)


async def fails(sandbox: Sandbox, target: str, limits: Limits = LIMITS, **argument: Any) -> SandboxError:
    with pytest.raises(SandboxError) as caught:
        await asyncio.wait_for(run(sandbox, target, limits, **argument), 30)
    assert (await run(sandbox, "echo", a=1))["argument"] == {"a": 1}, "the next run is not harmed"
    return caught.value


async def until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_json_goes_in_and_comes_out(sandbox: Sandbox) -> None:
    argument: dict[str, Any] = {"text": "ä\n", "list": [1, None, 2.5], "large": "x" * MIB}
    answer = await sandbox.run("sandbox_targets:echo", argument, LIMITS)
    assert answer["argument"] == argument
    assert answer["pid"] != os.getpid()


async def test_every_run_is_a_process_of_its_own_and_many_may_go_on(sandbox: Sandbox) -> None:
    answers = await asyncio.gather(*(run(sandbox, "echo", number=number) for number in range(20)))
    assert [answer["argument"]["number"] for answer in answers] == list(range(20))
    assert len({answer["pid"] for answer in answers}) == 20


async def test_a_typed_error_of_the_target_comes_back_as_it_is(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailure) as caught:
        await run(sandbox, "refuse")
    assert (caught.value.code, caught.value.detail) == ("empty_file", "the file has no bytes")


async def test_any_other_error_names_kind_and_place_but_not_the_data(sandbox: Sandbox) -> None:
    error = await fails(sandbox, "fail_with_data", cell="Jane Doe")
    assert error.code == "crashed"
    assert "ValueError at sandbox_targets.py:" in error.detail
    assert "Jane" not in error.detail
    assert "Jane Doe" in error.log_tail


@pytest.mark.parametrize("target", ["no_dictionary", "not_json", "not_a_number", "no_such_function"])
async def test_a_result_that_is_no_json_object_is_an_error(sandbox: Sandbox, target: str) -> None:
    assert (await fails(sandbox, target)).code == "crashed"


@pytest.mark.parametrize("target", ["leave", "vanish"])
@pytest.mark.parametrize("status", [0, 3])
async def test_leaving_without_a_result_is_a_crash(sandbox: Sandbox, target: str, status: int) -> None:
    error = await fails(sandbox, target, status=status)
    assert (error.code, f"status {status}" in error.detail) == ("crashed", True)


@pytest.mark.parametrize(("target", "name"), [("abort", "SIGABRT"), ("segfault", "SIGSEGV")])
async def test_death_by_a_signal_names_it_and_says_where(sandbox: Sandbox, target: str, name: str) -> None:
    error = await fails(sandbox, target)
    assert error.code == "crashed"
    assert name in error.detail
    assert f"in {target}" in error.log_tail


async def test_a_kill_from_outside_is_a_crash(sandbox: Sandbox) -> None:
    error = await fails(sandbox, "kill_self", signal=int(signal.SIGKILL))
    assert (error.code, "SIGKILL" in error.detail) == ("crashed", True)


@pytest.mark.parametrize("target", ["spin", "spin_ignoring_the_limit"])
async def test_an_endless_loop_meets_the_cpu_limit(sandbox: Sandbox, target: str) -> None:
    error = await fails(sandbox, target, replace(LIMITS, cpu_seconds=1))
    assert error.code == "cpu_limit_exceeded"


async def test_a_deadlock_meets_the_wall_clock(sandbox: Sandbox) -> None:
    started = time.monotonic()
    error = await fails(sandbox, "hang_on_a_lock", replace(LIMITS, wall_seconds=0.3))
    assert error.code == "timed_out"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("target", ["hog_memory", "hog_memory_below"])
async def test_a_memory_hog_is_killed(sandbox: Sandbox, target: str) -> None:
    error = await fails(sandbox, target)
    assert error.code == "memory_limit_exceeded"


async def test_one_absurd_allocation_fails_at_once(sandbox: Sandbox) -> None:
    error = await fails(sandbox, "take_at_once", bytes=1 << 40)
    assert error.code == "memory_limit_exceeded"


async def test_memory_below_the_limit_is_given(sandbox: Sandbox) -> None:
    assert await run(sandbox, "use_memory", bytes=200 * MIB) == {"length": 200 * MIB}


async def test_a_file_larger_than_allowed_ends_the_run(sandbox: Sandbox, tmp_path: Path) -> None:
    error = await fails(sandbox, "write_one_file", path=str(tmp_path / "file"))
    assert error.code == "output_limit_exceeded"
    assert (tmp_path / "file").stat().st_size <= LIMITS.output_bytes


async def test_many_small_files_count_together(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        await sandbox.run("sandbox_targets:write_many_files", {"folder": str(tmp_path)}, LIMITS, output_folder=tmp_path)
    assert caught.value.code == "output_limit_exceeded"


async def test_too_many_open_files_are_a_reason_of_their_own(sandbox: Sandbox) -> None:
    error = await fails(sandbox, "open_many_files", replace(LIMITS, open_files=64))
    assert error.code == "open_files_limit_exceeded"


async def test_temporary_files_go_where_the_run_may_write(sandbox: Sandbox, tmp_path: Path) -> None:
    found = await sandbox.run("sandbox_targets:temporary_folder", {}, LIMITS, output_folder=tmp_path)
    assert found == {"folder": str(tmp_path), "variable": str(tmp_path)}


async def test_endless_talk_is_drained_and_bounded(sandbox: Sandbox) -> None:
    error = await fails(sandbox, "talk_forever", replace(LIMITS, wall_seconds=0.5))
    assert error.code == "timed_out"
    assert 0 < len(error.log_tail) <= 16 << 10


async def test_the_end_of_what_a_run_said_is_kept(sandbox: Sandbox) -> None:
    error = await fails(sandbox, "talk", text="hello")
    assert error.log_tail.endswith("the very end\n")


async def test_a_huge_result_is_refused(sandbox: Sandbox) -> None:
    assert len((await run(sandbox, "huge_result", bytes=10 * MIB))["text"]) == 10 * MIB
    error = await fails(sandbox, "huge_result", bytes=20 * MIB)
    assert error.code == "output_limit_exceeded"


@pytest.mark.parametrize("text", ["not json\n", "[]\n", '"text"\n', '{"progress": "' + "x" * 100_000 + '"}\n'])
async def test_garbage_from_inside_ends_the_run_at_once(sandbox: Sandbox, text: str) -> None:
    started = time.monotonic()
    error = await fails(sandbox, "garbage", text=text)
    assert error.code in {"crashed", "output_limit_exceeded"}
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("text", ["{}\n", '{"error": 1}\n', '{"failure": {}}\n', '{"result": 3}\n', "\xff\n"])
async def test_messages_of_a_wrong_shape_are_a_crash(sandbox: Sandbox, text: str) -> None:
    assert (await fails(sandbox, "garbage", text=text)).code == "crashed"


async def test_progress_arrives_in_order(sandbox: Sandbox) -> None:
    seen: list[int] = []

    async def note(progress: dict[str, Any]) -> None:
        seen.append(progress["number"])

    answer = await sandbox.run("sandbox_targets:count", {"to": 500}, LIMITS, note)
    assert answer == {"counted": 500}
    assert seen == list(range(500))
    assert (await fails(sandbox, "huge_progress")).code == "crashed"


async def test_an_error_in_the_progress_callback_ends_the_run(sandbox: Sandbox) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await sandbox.run("sandbox_targets:count", {"to": 5}, LIMITS, refuse)
    assert (await run(sandbox, "echo", a=1))["argument"] == {"a": 1}


@pytest.mark.parametrize("wait", [False, True])
async def test_no_descendant_outlives_its_run(sandbox: Sandbox, wait: bool) -> None:
    pids: list[int] = []
    task = asyncio.create_task(
        sandbox.run(
            "sandbox_targets:leave_processes_behind", {"wait": wait}, LIMITS, lambda said: pids.extend(said["pids"])
        )
    )
    await until(lambda: len(pids) == 3)
    if wait:
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() == wait
    assert all(gone(pid) for pid in pids)


async def test_a_run_cancelled_at_any_moment_is_gone_at_once(sandbox: Sandbox) -> None:
    assert sandbox._warden is not None
    warden = psutil.Process(sandbox._warden.process.pid)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for step in range(40):
        task = asyncio.create_task(run(sandbox, "spin"))
        await asyncio.wait([task], timeout=step / 2000)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert warden.children() == []
    await until(lambda: len(os.listdir("/proc/self/fd")) == before)  # noqa: PTH208


async def test_nothing_secret_and_nothing_of_the_worker_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with Sandbox(["sandbox_targets"], environment={"PYTHONPATH": HERE}) as sandbox:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        inside = await sandbox.run("sandbox_targets:surroundings", {}, LIMITS, traceparent=trace)
    assert "hidden" not in str(inside)
    assert inside["traceparent"] == inside["environment"]["TRACEPARENT"] == trace
    assert inside["session"] == inside["pid"]
    assert inside["main_file"].endswith("warden.py")
    assert inside["descriptors"][:3] == [0, 1, 2]
    assert len(inside["descriptors"]) <= 5  # the channel, and the listing itself


async def test_without_network_no_socket_can_be_opened(sandbox: Sandbox) -> None:
    assert set((await run(sandbox, "open_socket")).values()) == {"PermissionError"}
    async with Sandbox(environment={"PYTHONPATH": HERE}, network=True) as open_sandbox:
        assert (await run(open_sandbox, "open_socket"))["AF_INET"] == "opened"


async def test_other_processes_cannot_be_opened(sandbox: Sandbox) -> None:
    assert await run(sandbox, "read_memory_of", pid=os.getpid()) == {"errno": errno.EPERM}


async def test_a_module_that_cannot_be_preloaded_is_named() -> None:
    with pytest.raises(SandboxError, match="no_such_module"):
        await Sandbox(["no_such_module"]).start()


async def test_preloaded_engines_work_after_the_fork_and_start_in_milliseconds() -> None:
    async with Sandbox(
        ["pyarrow.parquet", "pyarrow.compute", "duckdb", "sandbox_targets"], environment={"PYTHONPATH": HERE}
    ) as sandbox:
        limits = replace(LIMITS, memory_bytes=1 << 30)
        for answer in await asyncio.gather(*(run(sandbox, "engines", limits) for _ in range(3))):
            assert answer == {"total": 499_999_500_000, "default": 1000, "mean": 49_999.5, "rows": 100_000}
        seconds = []
        for _ in range(20):
            started = time.perf_counter()
            await run(sandbox, "echo", limits)
            seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[10] < 0.1  # 0.011 on a quiet machine; importing them takes half a second


async def test_the_event_loop_and_other_threads_go_on(sandbox: Sandbox) -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    try:
        answers = await asyncio.gather(*(asyncio.to_thread(sum, range(1000)), run(sandbox, "echo", a=1)))
        assert answers[0] == 499_500
    finally:
        stop.set()
        for thread in threads:
            thread.join()


async def test_when_the_warden_is_killed_its_runs_end_and_the_next_run_gets_a_new_one(sandbox: Sandbox) -> None:
    assert sandbox._warden is not None
    pids: list[int] = []
    task = asyncio.create_task(
        sandbox.run("sandbox_targets:leave_processes_behind", {"wait": True}, LIMITS, lambda m: pids.extend(m["pids"]))
    )
    await until(lambda: len(pids) == 3)
    sandbox._warden.process.kill()
    with pytest.raises(SandboxError, match="warden"):
        await task
    await until(lambda: gone(pids[0]))
    for pid in pids[1:]:  # nobody was left to end these
        psutil.Process(pid).kill()
    assert (await run(sandbox, "echo", a=1))["argument"] == {"a": 1}


async def test_closing_ends_all_runs() -> None:
    sandbox = Sandbox(environment={"PYTHONPATH": HERE})
    task = asyncio.create_task(run(sandbox, "spin"))
    await until(lambda: sandbox._warden is not None and psutil.Process(sandbox._warden.process.pid).children())
    await sandbox.close()
    with pytest.raises(SandboxError):
        await task


_WORKER = """
import asyncio, sys
print("imported", __name__, flush=True)
from dataplatform.jobs.sandbox import Limits, Sandbox

async def main():
    sandbox = Sandbox(["sandbox_targets"], environment={"PYTHONPATH": sys.argv[1]})
    await sandbox.run(
        "sandbox_targets:leave_processes_behind", {"wait": True}, Limits(1 << 30, 60, 60, 1 << 20),
        lambda said: print("pids", *said["pids"], sandbox._warden.process.pid, flush=True),
    )

asyncio.run(main())  # no guard: importing this module again would start everything again
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("as_module", [False, True])
async def test_when_the_worker_is_killed_nothing_is_left(tmp_path: Path, how: signal.Signals, as_module: bool) -> None:
    (tmp_path / "worker_main").mkdir()
    script = tmp_path / "worker_main" / "__main__.py"
    script.write_text(_WORKER)
    program = ["-m", "worker_main"] if as_module else [str(script)]
    worker = await asyncio.create_subprocess_exec(
        sys.executable, *program, HERE, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"imported __main__\n"
    kind, *numbers = (await worker.stdout.readline()).split()
    assert (kind, len(numbers)) == (b"pids", 4)
    worker.send_signal(how)
    await worker.wait()
    for number in numbers:
        await until(lambda number=number: gone(int(number)))
    assert await worker.stdout.read() == b"", "the main module ran once"
