"""The doctor on the speech service: what it answers, and that it is not there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device import config
from device.doctor.check import Check, Status
from device.doctor.service import DO, check_service, service_arguments, verdict
from device.events import ErrorKind, Event, LinkClosed, LinkFailed, LinkOpened, ServiceTrouble
from device.settings import ServiceSettings, Settings


@pytest.mark.parametrize(
    ("event", "status", "says"),
    [
        (LinkOpened("s1"), Status.OK, "host answers"),
        (LinkFailed(ErrorKind.KEY, "401"), Status.FAIL, "host: 401"),
        (LinkFailed(ErrorKind.QUOTA, "429"), Status.WARN, "host: 429"),
        (LinkFailed(ErrorKind.CERTIFICATE, "expired"), Status.FAIL, "expired"),
        (ServiceTrouble(ErrorKind.SERVICE, "sick"), Status.FAIL, "sick"),
        (LinkClosed("bye"), Status.FAIL, "closed the session: bye"),
        (None, Status.FAIL, "said nothing for 11 s"),
    ],
)
def test_what_the_service_says(event: Event | None, status: Status, says: str) -> None:
    check = verdict("host", event, 11.0)
    assert (check.status, says in check.says) == (status, True)
    assert bool(check.do) is (status is not Status.OK)


def test_every_kind_of_trouble_has_advice() -> None:
    assert set(DO) == set(ErrorKind)


async def _closed_port() -> int:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


def test_a_service_that_is_not_there() -> None:
    async def ask() -> list[Check]:
        port = await _closed_port()
        service = ServiceSettings(url=f"ws://127.0.0.1:{port}/v1/realtime")
        return await check_service(Settings(service=service), {})

    (check,) = asyncio.run(ask())
    assert check.status is Status.FAIL
    assert "refused" in check.says
    assert "network" in check.do


def test_a_service_without_a_key() -> None:
    service = ServiceSettings(provider="openai_realtime", url="ws://127.0.0.1:9/x")
    (check,) = asyncio.run(check_service(Settings(service=service), {}))
    assert check.status is Status.FAIL
    assert "no API key" in check.says
    assert "/etc/parlor/service_key" in check.do


def test_the_offline_service_is_examined_with_the_configuration_it_will_run_with(
    tmp_path: Path,
) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text('[offline]\nvoice = "espeak"\nport = 1\n')  # a port that it may not take
    assert service_arguments(path)[-2:] == ["--config", str(path)]
    assert "--config" not in service_arguments(None)
    starts, answers = asyncio.run(check_service(config.read(path).settings, {}, path))
    assert starts.status is Status.OK, starts.says
    assert answers.status is Status.OK, answers.says


def test_a_service_that_does_not_speak_tls() -> None:
    async def ask() -> list[Check]:
        def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            service = ServiceSettings(url=f"wss://127.0.0.1:{port}/v1/realtime")
            return await check_service(Settings(service=service), {})

    (check,) = asyncio.run(ask())
    assert check.status is Status.FAIL
    assert "TLS" in check.says
