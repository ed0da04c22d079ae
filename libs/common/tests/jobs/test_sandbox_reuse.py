"""A process of the sandbox serves another run only if nothing of the last is left in it, and under the same limits."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox, SandboxError, SandboxFailure

MIB = 1 << 20
HERE = str(Path(__file__).parent)
LIMITS = Limits(memory_bytes=256 * MIB, cpu_seconds=1, wall_seconds=20, output_bytes=8 * MIB)
MODULES = ["sandbox_targets", "sandbox_leftovers"]
PUT_BACK = [
    "cwd", "cwd_that_is_gone", "variable", "removed_variable", "umask", "handler", "ignored_limit", "alarm",
    "soft_limit", "path", "streams", "recursion", "locale", "warnings", "precision", "temporary_file",
    "orphan",
]  # fmt: skip
ENDS_THE_PROCESS = [
    "blocked_signal", "hard_limit", "open_file", "closed_input", "other_input", "thread", "process",
    "process_of_its_own_session", "zombie", "nice", "affinity",
]  # fmt: skip


def open_sandbox(reuse: Reuse | None, **options: Any) -> Sandbox:
    return Sandbox(MODULES, environment={"PYTHONPATH": HERE}, reuse=reuse, **options)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with open_sandbox(Reuse()) as opened:
        yield opened


async def run(sandbox: Sandbox, target: str, limits: Limits = LIMITS, **argument: Any) -> dict[str, Any]:
    module = "sandbox_targets" if target in {"echo", "refuse"} else "sandbox_leftovers"
    return await sandbox.run(f"{module}:{target}", argument, limits)


async def pid_of(sandbox: Sandbox, limits: Limits = LIMITS) -> int:
    return int((await run(sandbox, "echo", limits))["pid"])


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


def warden_of(sandbox: Sandbox) -> psutil.Process:
    assert sandbox._warden is not None
    return psutil.Process(sandbox._warden.process.pid)


async def test_runs_one_after_the_other_share_a_process(sandbox: Sandbox) -> None:
    answers = [await run(sandbox, "echo", number=number) for number in range(10)]
    assert [answer["argument"]["number"] for answer in answers] == list(range(10))
    assert len({answer["pid"] for answer in answers}) == 1


async def test_without_reuse_none_do() -> None:
    async with open_sandbox(None) as sandbox:
        assert await pid_of(sandbox) != await pid_of(sandbox)
        assert warden_of(sandbox).children() == []


async def test_runs_at_the_same_time_do_not(sandbox: Sandbox) -> None:
    for _ in range(2):
        pids = [answer["pid"] for answer in await asyncio.gather(*(run(sandbox, "take", bytes=1) for _ in range(4)))]
        assert len(set(pids)) == 4
    assert len(warden_of(sandbox).children()) == 4


async def test_a_run_that_asks_for_it_is_alone(sandbox: Sandbox) -> None:
    first = await pid_of(sandbox)
    alone = await sandbox.run("sandbox_targets:echo", {}, LIMITS, fresh=True)
    assert alone["pid"] != first
    assert gone(alone["pid"])
    assert await pid_of(sandbox) == first


async def test_groups_never_share_a_process(sandbox: Sandbox) -> None:
    seen: dict[str | None, set[int]] = {"a": set(), "b": set(), None: set()}
    for group in ["a", "b", None, "b", "a", None]:
        seen[group].add((await sandbox.run("sandbox_targets:echo", {}, LIMITS, group=group))["pid"])
    assert [len(pids) for pids in seen.values()] == [1, 1, 1]
    assert len(set.union(*seen.values())) == 3


async def test_only_so_many_processes_wait() -> None:
    async with open_sandbox(Reuse(max_idle=2)) as sandbox:
        groups = [await sandbox.run("sandbox_targets:echo", {}, LIMITS, group=group) for group in "abc"]
        pids = [answer["pid"] for answer in groups]
        await until(lambda: gone(pids[0]))
        assert {child.pid for child in warden_of(sandbox).children()} == set(pids[1:])


async def test_other_limits_mean_another_process(sandbox: Sandbox) -> None:
    other = replace(LIMITS, output_bytes=MIB)
    first = await pid_of(sandbox)
    second = await pid_of(sandbox, other)
    assert first != second
    assert (await pid_of(sandbox), await pid_of(sandbox, other)) == (first, second)


async def test_a_process_serves_so_many_runs_and_no_more() -> None:
    async with open_sandbox(Reuse(runs=3)) as sandbox:
        pids = [await pid_of(sandbox) for _ in range(7)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
        assert {child.pid for child in warden_of(sandbox).children()} == {pids[-1]}


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"idle_seconds": 0}, {"max_idle": 0}, {"max_peak_bytes": 0}])
def test_reuse_without_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be used again"):
        Reuse(**wrong)


async def test_a_process_that_waits_for_long_is_ended() -> None:
    async with open_sandbox(Reuse(idle_seconds=0.2)) as sandbox:
        first = await pid_of(sandbox)
        await until(lambda: gone(first))
        assert await pid_of(sandbox) != first


@pytest.mark.parametrize("target", ["take", "leak"])
async def test_a_process_that_grew_is_replaced(target: str) -> None:
    async with open_sandbox(Reuse(max_peak_bytes=64 * MIB)) as sandbox:
        small = (await run(sandbox, target, bytes=8 * MIB))["pid"]
        large = (await run(sandbox, target, bytes=100 * MIB))["pid"]
        assert small == large
        assert gone(large)
        assert await pid_of(sandbox) != large


async def test_leaks_of_several_runs_add_up() -> None:
    async with open_sandbox(Reuse(max_peak_bytes=64 * MIB)) as sandbox:
        pids = [(await run(sandbox, "leak", bytes=30 * MIB))["pid"] for _ in range(4)]
        assert pids[0] == pids[1] == pids[2] != pids[3]


@pytest.mark.parametrize("kind", PUT_BACK)
async def test_what_a_run_left_is_put_back(sandbox: Sandbox, kind: str, tmp_path: Path) -> None:
    async def do(target: str, number: int, **argument: str) -> dict[str, Any]:
        folder = tmp_path / str(number)
        folder.mkdir()
        return await sandbox.run(f"sandbox_leftovers:{target}", argument, LIMITS, output_folder=folder)

    async with open_sandbox(Reuse()) as untouched:
        (tmp_path / "untouched").mkdir()
        target = "sandbox_leftovers:state"
        expected = await untouched.run(target, {}, LIMITS, output_folder=tmp_path / "untouched")
    left = await do("leave", 1, kind=kind)
    found = await do("state", 2)
    assert found["pid"] == left["pid"]
    assert found["state"] == expected["state"]
    if kind == "alarm":  # it would end the process
        await asyncio.sleep(0.3)
        assert (await do("state", 3))["pid"] == left["pid"]


async def test_chance_starts_anew_with_every_run(sandbox: Sandbox) -> None:
    drawn = [await run(sandbox, "draw") for _ in range(4)]
    assert len({answer["pid"] for answer in drawn}) == 1
    assert len({answer["number"] for answer in drawn}) == 4


@pytest.mark.parametrize("kind", ENDS_THE_PROCESS)
async def test_what_cannot_be_put_back_ends_the_process_but_not_the_result(sandbox: Sandbox, kind: str) -> None:
    before = (await run(sandbox, "state"))["state"]
    left = await run(sandbox, "leave", kind=kind)
    assert gone(left["pid"])
    assert warden_of(sandbox).children(recursive=True) == []
    found = await run(sandbox, "state")
    assert found["pid"] != left["pid"]
    assert found["state"] == before


async def test_every_leftover_is_tried(sandbox: Sandbox) -> None:
    assert sorted((await run(sandbox, "kinds"))["kinds"]) == sorted([*PUT_BACK, *ENDS_THE_PROCESS])


FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("sandbox_targets:refuse", {}, "empty_file"),
    ("sandbox_targets:fail_with_data", {"cell": "a"}, "crashed"),
    ("sandbox_targets:no_dictionary", {}, "crashed"),
    ("sandbox_targets:not_json", {}, "crashed"),
    ("sandbox_targets:leave", {"status": 0}, "crashed"),
    ("sandbox_targets:vanish", {"status": 0}, "crashed"),
    ("sandbox_targets:segfault", {}, "crashed"),
    ("sandbox_targets:kill_self", {"signal": int(signal.SIGKILL)}, "crashed"),
    ("sandbox_targets:garbage", {"text": "[]\n"}, "crashed"),
    ("sandbox_targets:huge_progress", {}, "crashed"),
    ("sandbox_targets:huge_result", {"bytes": 20 * MIB}, "output_limit_exceeded"),
    ("sandbox_targets:hang_on_a_lock", {}, "timed_out"),
    ("sandbox_targets:talk_forever", {}, "timed_out"),
    ("sandbox_targets:spin", {}, "cpu_limit_exceeded"),
    ("sandbox_targets:spin_ignoring_the_limit", {}, "cpu_limit_exceeded"),
    ("sandbox_leftovers:burn_below", {"seconds": 60}, "cpu_limit_exceeded"),
    ("sandbox_targets:hog_memory", {}, "memory_limit_exceeded"),
    ("sandbox_targets:hog_memory_below", {}, "memory_limit_exceeded"),
    ("sandbox_targets:take_at_once", {"bytes": 1 << 40}, "memory_limit_exceeded"),
    ("sandbox_leftovers:lie", {"result": False, "word": ".", "times": 1, "spin": False}, "crashed"),
    ("sandbox_leftovers:lie", {"result": False, "word": ".", "times": 3, "spin": True}, "crashed"),
    ("sandbox_leftovers:lie", {"result": False, "word": "??", "times": 1, "spin": False}, "crashed"),
]


@pytest.mark.parametrize(("target", "argument", "code"), FAILURES)
async def test_whatever_fails_in_a_later_run_ends_the_process(
    sandbox: Sandbox, target: str, argument: dict[str, Any], code: str
) -> None:
    limits = replace(LIMITS, wall_seconds=0.5) if code == "timed_out" else LIMITS
    pid = await pid_of(sandbox, limits)
    assert await pid_of(sandbox, limits) == pid
    with pytest.raises((SandboxError, SandboxFailure)) as caught:
        await asyncio.wait_for(sandbox.run(target, argument, limits), 30)
    assert isinstance(caught.value, SandboxError | SandboxFailure)
    assert caught.value.code == code
    assert gone(pid), "it was this process that ran it"
    assert await pid_of(sandbox, limits) != pid


@pytest.mark.parametrize("target", ["write_one_file", "write_many_files"])
async def test_the_output_of_a_later_run_is_limited(sandbox: Sandbox, tmp_path: Path, target: str) -> None:
    pid = await pid_of(sandbox)
    argument = {"folder": str(tmp_path), "path": str(tmp_path / "file")}
    with pytest.raises(SandboxError) as caught:
        await sandbox.run(f"sandbox_targets:{target}", argument, LIMITS, output_folder=tmp_path)
    assert caught.value.code == "output_limit_exceeded"
    assert gone(pid)


async def test_every_run_has_the_whole_processor_time(sandbox: Sandbox) -> None:
    pids = {(await run(sandbox, "burn", seconds=0.7))["pid"] for _ in range(4)}
    assert len(pids) == 1
    used = sum(psutil.Process(pids.pop()).cpu_times()[:2])
    assert used > LIMITS.cpu_seconds
    with pytest.raises(SandboxError, match="processor time"):
        await run(sandbox, "burn", seconds=1.3)


async def test_every_run_has_the_whole_time_on_the_clock(sandbox: Sandbox) -> None:
    limits = replace(LIMITS, wall_seconds=0.5)
    pids = {(await run(sandbox, "take", limits, bytes=1))["pid"] for _ in range(5)}  # 0.2 s each
    assert len(pids) == 1


async def test_no_run_sees_what_another_said(sandbox: Sandbox) -> None:
    first = await run(sandbox, "say", text="of the first file")
    assert await pid_of(sandbox) == first["pid"]
    with pytest.raises(SandboxError) as caught:
        await run(sandbox, "say_and_fail", text="of the second")
    assert caught.value.log_tail.count("of the second") >= 1
    assert "first" not in caught.value.log_tail


async def test_a_trace_belongs_to_one_run(sandbox: Sandbox) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    first = await sandbox.run("sandbox_targets:surroundings", {}, LIMITS, traceparent=trace)
    second = await sandbox.run("sandbox_targets:surroundings", {}, LIMITS)
    assert first["pid"] == second["pid"]
    assert (first["traceparent"], second["traceparent"]) == (trace, None)


async def test_confinement_lasts(sandbox: Sandbox) -> None:
    pid = await pid_of(sandbox)
    opened = await sandbox.run("sandbox_targets:open_socket", {}, LIMITS)
    assert set(opened.values()) == {"PermissionError"}
    assert await pid_of(sandbox) == pid


async def test_no_process_has_the_lines_of_another(sandbox: Sandbox) -> None:
    await asyncio.gather(*(run(sandbox, "take", bytes=1) for _ in range(3)))
    runs = [sandbox.run("sandbox_targets:surroundings", {}, LIMITS) for _ in range(6)]
    for inside in await asyncio.gather(*runs):
        assert len(inside["descriptors"]) <= 6  # three streams, its control line, its channel, the listing itself


async def test_a_process_that_works_while_it_should_wait_gets_no_run(sandbox: Sandbox) -> None:
    liar = await run(sandbox, "lie", result=True, word=".", times=1, spin=True)
    (process,) = warden_of(sandbox).children()
    assert process.pid == liar["pid"]
    await until(lambda: gone(liar["pid"]) or sum(process.cpu_times()[:2]) > 0.2)
    assert await pid_of(sandbox) != liar["pid"]
    await until(lambda: gone(liar["pid"]))


async def test_a_process_that_speaks_while_it_should_wait_is_ended(sandbox: Sandbox) -> None:
    liar = await run(sandbox, "lie", result=True, word=".", times=5, spin=False)
    await until(lambda: gone(liar["pid"]))
    assert await pid_of(sandbox) != liar["pid"]


async def test_a_process_killed_while_it_waits_is_replaced(sandbox: Sandbox) -> None:
    first = await pid_of(sandbox)
    os.kill(first, signal.SIGKILL)
    await until(lambda: gone(first))
    assert await pid_of(sandbox) != first
    assert len(warden_of(sandbox).children()) == 1


async def test_a_cancelled_run_ends_the_process(sandbox: Sandbox) -> None:
    pid = await pid_of(sandbox)
    seen: list[int] = []
    wait = sandbox.run("sandbox_leftovers:wait", {}, LIMITS, lambda said: seen.append(said["pid"]))
    task = asyncio.create_task(wait)
    await until(lambda: seen == [pid])
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert gone(pid)


async def test_an_error_in_the_progress_callback_ends_the_process(sandbox: Sandbox) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise RuntimeError("no more")

    pid = await pid_of(sandbox)
    with pytest.raises(RuntimeError, match="no more"):
        await sandbox.run("sandbox_targets:count", {"to": 5}, LIMITS, refuse)
    assert gone(pid)


async def test_a_run_cancelled_at_any_moment_leaves_at_most_a_process_that_waits(sandbox: Sandbox) -> None:
    warden = warden_of(sandbox)
    before = psutil.Process().num_fds(), warden.num_fds()
    for step in range(60):
        task = asyncio.create_task(run(sandbox, "echo"))
        await asyncio.wait([task], timeout=step / 10_000)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            assert warden.children() == []
        else:
            assert [child.pid for child in warden.children()] == [task.result()["pid"]]
    assert (await run(sandbox, "echo", a=1))["argument"] == {"a": 1}
    (process,) = warden.children()
    process.kill()
    await until(lambda: not warden.children())
    await until(lambda: (psutil.Process().num_fds(), warden.num_fds()) == before)


async def test_many_runs_need_no_more_descriptors_than_one(sandbox: Sandbox) -> None:
    pid = await pid_of(sandbox)
    processes = [psutil.Process(), warden_of(sandbox), psutil.Process(pid)]
    before = [process.num_fds() for process in processes]
    for _ in range(40):
        assert await pid_of(sandbox) == pid
    await until(lambda: [process.num_fds() for process in processes] == before)


@pytest.mark.parametrize("victim", ["sandbox", "warden"])
async def test_a_process_that_waits_ends_with_its_parents(sandbox: Sandbox, victim: str) -> None:
    pid = await pid_of(sandbox)
    if victim == "sandbox":
        await sandbox.close()
    else:
        warden_of(sandbox).kill()
    await until(lambda: gone(pid))
    assert await pid_of(sandbox) != pid


_WORKER = """
import asyncio, sys
from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox

async def main():
    sandbox = Sandbox(["sandbox_targets"], environment={"PYTHONPATH": sys.argv[1]}, reuse=Reuse())
    answer = await sandbox.run("sandbox_targets:echo", {}, Limits(1 << 30, 60, 60, 1 << 20))
    print("pid", answer["pid"], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_when_the_worker_is_killed_a_process_that_waits_is_not_left() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", _WORKER, HERE, stdout=asyncio.subprocess.PIPE)
    assert worker.stdout is not None
    try:
        while not (line := await worker.stdout.readline()).startswith(b"pid "):
            assert line, "it ended too early"
        pid = int(line.split()[1])
        assert not gone(pid)
    finally:
        worker.kill()
        await worker.wait()
    await until(lambda: gone(pid))


async def test_a_warm_up_is_done_once_before_every_fork() -> None:
    async with open_sandbox(None, warm="sandbox_leftovers:warm_up") as sandbox:
        answers = [await run(sandbox, "was_warmed") for _ in range(3)]
        assert answers == [{"warmed": [warden_of(sandbox).pid], "parent": warden_of(sandbox).pid}] * 3


@pytest.mark.parametrize("name", ["warm_up_with_a_thread", "warm_up_with_a_process", "no_such_function"])
async def test_a_warm_up_that_leaves_something_at_work_is_refused(name: str) -> None:
    with pytest.raises(SandboxError, match=name):
        await open_sandbox(None, warm=f"sandbox_leftovers:{name}").start()
