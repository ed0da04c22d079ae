"""What the sandbox tests run inside the sandbox: a zoo of misbehaviour."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from dataplatform.jobs.sandbox import report_progress, traceparent

MIB = 1 << 20
imported_as = __name__


class RefusedError(Exception):
    code = "empty_file"
    detail = "the file has no bytes"


def echo(argument: dict[str, Any]) -> dict[str, Any]:
    return {"argument": argument, "pid": os.getpid()}


def surroundings(_: dict[str, Any]) -> dict[str, Any]:
    return {
        "environment": dict(os.environ),
        "initial_environment": Path("/proc/self/environ").read_text("utf-8"),
        "main": sys.modules["__main__"].__name__,
        "main_file": str(getattr(sys.modules["__main__"], "__file__", "")),
        "traceparent": traceparent(),
        "session": os.getsid(0),
        "pid": os.getpid(),
        "descriptors": sorted(int(path.name) for path in Path("/proc/self/fd").iterdir()),
    }


def refuse(_: dict[str, Any]) -> NoReturn:
    raise RefusedError


def fail_with_data(argument: dict[str, Any]) -> NoReturn:
    raise ValueError(f"cannot read cell {argument['cell']!r}")


def no_dictionary(_: dict[str, Any]) -> object:
    return 17


def not_json(_: dict[str, Any]) -> dict[str, Any]:
    return {"set": {1, 2}}


def not_a_number(_: dict[str, Any]) -> dict[str, Any]:
    return {"value": float("nan")}


def leave(argument: dict[str, Any]) -> NoReturn:
    raise SystemExit(argument["status"])


def vanish(argument: dict[str, Any]) -> None:
    os._exit(argument["status"])


def abort(_: dict[str, Any]) -> None:
    os.abort()


def segfault(_: dict[str, Any]) -> None:
    ctypes.string_at(0)


def kill_self(argument: dict[str, Any]) -> None:
    os.kill(os.getpid(), argument["signal"])


def spin(_: dict[str, Any]) -> NoReturn:
    while True:
        pass


def spin_ignoring_the_limit(_: dict[str, Any]) -> NoReturn:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def hang_on_a_lock(_: dict[str, Any]) -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def hog_memory(_: dict[str, Any]) -> NoReturn:
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1024) * 1024))


def hog_memory_below(_: dict[str, Any]) -> None:
    code = "hoard = []\nwhile True: hoard.append(bytearray(b'x' * 1048576))"
    subprocess.run([sys.executable, "-c", code], check=False)


def take_at_once(argument: dict[str, Any]) -> dict[str, Any]:
    return {"length": len(bytearray(argument["bytes"]))}


def use_memory(argument: dict[str, Any]) -> dict[str, Any]:
    hoard = bytearray(b"x") * argument["bytes"]
    time.sleep(0.3)
    return {"length": len(hoard)}


def write_one_file(argument: dict[str, Any]) -> NoReturn:
    with Path(argument["path"]).open("wb") as file:
        while True:
            file.write(bytes(MIB))


def write_many_files(argument: dict[str, Any]) -> NoReturn:
    number = 0
    while True:
        (Path(argument["folder"]) / str(number % 1000)).write_bytes(bytes(100_000))
        number += 1


def talk_forever(_: dict[str, Any]) -> NoReturn:
    while True:
        os.write(1, b"blah " * 1000)


def talk(argument: dict[str, Any]) -> dict[str, Any]:
    sys.stdout.write(argument["text"])
    sys.stderr.write("an error")
    os.write(2, b"x" * 100_000 + b"the very end\n")
    os._exit(3)


def huge_result(argument: dict[str, Any]) -> dict[str, Any]:
    return {"text": "x" * argument["bytes"]}


def count(argument: dict[str, Any]) -> dict[str, Any]:
    for number in range(argument["to"]):
        report_progress({"number": number})
    return {"counted": argument["to"]}


def huge_progress(_: dict[str, Any]) -> None:
    report_progress({"text": "x" * 100_000})


def garbage(argument: dict[str, Any]) -> None:
    """Write raw bytes into the channel, as code that was taken over would."""
    for descriptor in range(3, 20):
        try:
            channel = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        channel.sendall(argument["text"].encode())
    time.sleep(60)


def leave_processes_behind(argument: dict[str, Any]) -> dict[str, Any]:
    """Start a process in this session, and one that escaped into a session of its own."""
    code = "import time; time.sleep(600)"
    near = subprocess.Popen([sys.executable, "-c", code])
    far = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    report_progress({"pids": [os.getpid(), near.pid, far.pid]})
    if argument["wait"]:
        time.sleep(600)
    return {"pids": [near.pid, far.pid]}


def open_socket(argument: dict[str, Any]) -> dict[str, Any]:
    outcomes = {}
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
            outcomes[family.name] = "opened"
        except OSError as error:
            outcomes[family.name] = type(error).__name__
    socket.socketpair()[0].close()
    return outcomes


def read_memory_of(argument: dict[str, Any]) -> dict[str, Any]:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace(16, argument["pid"], 0, 0)  # PTRACE_ATTACH
    return {"errno": ctypes.get_errno()}


def engines(_: dict[str, Any]) -> dict[str, Any]:
    """Use what was preloaded, with threads, after the fork."""
    import duckdb  # noqa: PLC0415 (only this run needs it)
    import pyarrow as pa  # noqa: PLC0415 (only this run needs it)
    import pyarrow.compute as pc  # noqa: PLC0415 (only this run needs it)

    connection = duckdb.connect(config={"threads": 2})
    total = connection.execute("SELECT sum(i) FROM range(1000000) t(i)").fetchall()[0][0]
    default = duckdb.sql("SELECT count(*) FROM range(1000)").fetchall()[0][0]
    table = pa.table({"a": list(range(100_000))})
    return {"total": int(total), "default": default, "mean": pc.mean(table["a"]).as_py(), "rows": table.num_rows}


def open_many_files(_: dict[str, Any]) -> NoReturn:
    held = []
    while True:
        held.append(Path(os.devnull).open("rb"))  # noqa: SIM115 (they are not to be closed)


def temporary_folder(_: dict[str, Any]) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile() as file:
        return {"folder": str(Path(file.name).parent), "variable": os.environ.get("TMPDIR")}
