import asyncio
import os
import signal
import socket

import httpx
import pytest

from dataplatform.telemetry import Health, health_app, serve, stop_on_signals


async def test_a_role_serves_until_it_is_told_to_stop() -> None:
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(health_app(Health()), "127.0.0.1", 0, stop, on_listening=port.set_result))
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{await asyncio.wait_for(port, 10)}/healthz"
        assert (await client.get(url)).status_code == 200
        stop.set()
        await asyncio.wait_for(task, 10)
        with pytest.raises(httpx.ConnectError):
            await client.get(url, headers={"Connection": "close"})


async def test_a_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(health_app(Health()), "127.0.0.1", taken.getsockname()[1], asyncio.Event())


async def test_sigterm_asks_for_the_end() -> None:
    stop = stop_on_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.wait(), 5)
    loop = asyncio.get_running_loop()
    assert loop.remove_signal_handler(signal.SIGTERM)
    loop.remove_signal_handler(signal.SIGINT)
