"""The service behind the proxy: where it is, and that it refuses, is gone, or is not trusted."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.http11 import Request, Response

from device.errors import SimulatorError
from device.simulator.director import free_port
from device.simulator.upstream import Upstream
from tests.certificates import certificate, server_context
from tests.simulator.proxy_line import Line, echo, in_time, way_to

__all__ = ["certificate"]


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "header"),
    [
        ("ws://localhost/x", "localhost", 80, False, "localhost"),
        ("ws://[::1]:9000/x", "::1", 9000, False, "[::1]:9000"),
        ("wss://api.example.com/v1", "api.example.com", 443, True, "api.example.com"),
    ],
)
def test_addresses(url: str, host: str, port: int, secure: bool, header: str) -> None:
    upstream = Upstream.of_url(url)
    assert (upstream.host, upstream.port, upstream.tls is not None) == (host, port, secure)
    assert upstream.host_header == header
    if upstream.tls is not None:
        assert upstream.tls.check_hostname


@pytest.mark.parametrize(
    "url", ["https://api.example.com", "wss://", "wss://[bad", "ws://h:99999", "ws://h:x", "words"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(SimulatorError, match=r"service\.url .* is no"):
        Upstream.of_url(url)


async def until_open(here: Line) -> ClientConnection:
    """What an appliance does: try again until it is let in."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await here.connect()
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)


def test_a_service_that_refuses_is_seen_refusing_and_one_that_begins_to_listen_is_not() -> None:
    async def main() -> None:
        port = free_port()
        async with way_to(Upstream("127.0.0.1", port)) as here:
            with pytest.raises(ConnectionRefusedError):
                await here.connect()
            assert here.log.rows == []  # nothing was accepted, nothing relayed
            async with serve(echo, "127.0.0.1", port):
                await (await until_open(here)).close()

    asyncio.run(main())


def test_a_service_that_goes_away_is_refused_from_the_next_connection_on() -> None:
    async def main() -> None:
        server = await serve(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with way_to(Upstream("127.0.0.1", port)) as here:
            client = await here.connect()
            server.close()
            await asyncio.wait_for(client.wait_closed(), 10)
            async with asyncio.timeout(10):
                while True:
                    try:
                        await here.connect()
                    except ConnectionRefusedError:
                        break
                    except (ConnectionError, InvalidHandshake):
                        await asyncio.sleep(0)  # one that was let in before was reset
            async with serve(echo, "127.0.0.1", port):
                await (await until_open(here)).close()

    asyncio.run(main())


def test_an_unknown_name_is_a_reset_with_its_reason() -> None:
    async def main() -> None:
        async with way_to(Upstream("no-such-host.invalid", 80)) as here:
            with pytest.raises((ConnectionError, InvalidHandshake)):
                await asyncio.wait_for(here.connect(), 20)
            assert here.reasons == ["the name of no-such-host.invalid:80 cannot be resolved"]
            assert here.closed_by() == ["unreachable"]

    asyncio.run(main())


def test_a_certificate_that_is_not_accepted_is_http_526(certificate: Path) -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1", 0, ssl=server_context(certificate)) as server:
            port = server.sockets[0].getsockname()[1]
            upstream = Upstream.of_url(f"wss://127.0.0.1:{port}")
            async with way_to(upstream) as here:
                with pytest.raises(InvalidStatus) as caught:
                    await here.connect()
                assert caught.value.response.status_code == 526
                assert b"self-signed certificate" in bytes(caught.value.response.body or b"")
                (reason,) = here.reasons
                assert f"the certificate of 127.0.0.1:{port} was not accepted" in reason
            trusted = ssl.create_default_context(cafile=certificate)
            async with (
                way_to(Upstream("127.0.0.1", port, trusted)) as here,
                here.connect() as client,
            ):
                await client.send("hello")
                assert await in_time(client) == "hello"

    asyncio.run(main())


def test_a_refusal_of_the_service_passes_as_it_is() -> None:
    async def main() -> None:
        def refuse(connection: ServerConnection, request: Request) -> Response:
            del request
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no such key")

        async with serve(echo, "127.0.0.1", 0, process_request=refuse) as server:
            port = server.sockets[0].getsockname()[1]
            async with way_to(Upstream("127.0.0.1", port)) as here:
                with pytest.raises(InvalidStatus) as caught:
                    await here.connect()
                assert caught.value.response.status_code == 401
                assert bytes(caught.value.response.body or b"") == b"no such key"
                assert here.reasons == []

    asyncio.run(main())
