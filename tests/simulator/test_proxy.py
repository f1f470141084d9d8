"""The recording proxy against real sockets on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.http11 import Request, Response

from device.errors import SimulatorError
from device.simulator.director import free_port
from device.simulator.proxy import RecordingProxy, rewrite_head
from device.simulator.trouble import Trouble
from device.simulator.upstream import Upstream
from device.simulator.wire_log import WireLog
from tests.certificates import certificate, server_context

__all__ = ["certificate"]

Handler = Callable[[ServerConnection], Awaitable[None]]


class Line:
    def __init__(self, proxy: RecordingProxy, log: WireLog, trouble: Trouble) -> None:
        self.proxy, self.log, self.trouble = proxy, log, trouble
        self.reasons: list[str] = []

    def connect(self) -> connect:
        return connect(f"ws://127.0.0.1:{self.proxy.port}/v1/realtime?model=m", proxy=None)

    def types(self) -> list[str]:
        return [row["type"] for row in self.log.rows]


@asynccontextmanager
async def line(handler: Handler) -> AsyncIterator[Line]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        log, trouble = WireLog(), Trouble()
        proxy = RecordingProxy(Upstream("127.0.0.1", port), log, trouble)
        await proxy.start()
        try:
            yield Line(proxy, log, trouble)
        finally:
            await proxy.stop()


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def in_time(client: ClientConnection) -> str | bytes:
    return await asyncio.wait_for(client.recv(), 10)


def test_bits_are_relayed_exactly_both_ways() -> None:
    async def main() -> None:
        rng = random.Random(4)
        messages = [
            rng.randbytes(rng.choice([0, 1, 125, 126, 65_535, 65_536, 900_000])) for _ in range(12)
        ]
        async with line(echo) as here, here.connect() as client:
            for message in messages:
                await client.send(message)
                assert await in_time(client) == message
            await client.send(["frag", "men", "ted"])
            assert await in_time(client) == "fragmented"
        sizes = [r["size"] for r in here.log.rows if r["type"] == "binary"]
        assert sizes == [len(m) for m in messages for _ in range(2)]

    asyncio.run(main())


def test_path_and_key_reach_the_service_and_the_host_is_its_own() -> None:
    seen: dict[str, str] = {}

    async def look(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        seen.update(request.headers.raw_items())
        seen["path"] = request.path
        await connection.close()

    async def main() -> None:
        async with line(look) as here:
            url = f"ws://127.0.0.1:{here.proxy.port}/v1/realtime?model=m"
            headers = {"Authorization": "Bearer sk-1"}
            async with connect(url, additional_headers=headers, proxy=None) as client:
                await client.wait_closed()
            assert f":{here.proxy.port}" not in seen["Host"]
            assert "sk-1" not in repr(here.log.rows)

    asyncio.run(main())
    assert seen["path"] == "/v1/realtime?model=m"
    assert seen["Authorization"] == "Bearer sk-1"
    assert "Sec-WebSocket-Extensions" not in seen


def test_the_close_handshake_passes() -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(4000, "beta_api_shape_disabled")

    async def main() -> None:
        async with line(close) as here, here.connect() as client:
            await asyncio.wait_for(client.wait_closed(), 10)
            assert (client.close_code, client.close_reason) == (4000, "beta_api_shape_disabled")

    asyncio.run(main())


def test_a_black_hole_swallows_and_gives_back_without_a_reset() -> None:
    async def main() -> None:
        async with line(echo) as here, here.connect() as client:
            await client.send("before")
            assert await in_time(client) == "before"
            here.trouble.down(time.monotonic())
            await client.send("during")
            answer = asyncio.create_task(client.recv())
            newcomer = asyncio.create_task(here.connect().__aenter__())
            done, _ = await asyncio.wait({answer, newcomer}, timeout=0.3)
            assert not done
            here.trouble.up(time.monotonic())
            assert await asyncio.wait_for(answer, 10) == "during"
            await (await asyncio.wait_for(newcomer, 10)).close()

    asyncio.run(main())


def test_what_an_appliance_sent_that_left_during_the_outage_is_forgotten() -> None:
    got: list[str | bytes] = []
    ended = asyncio.Event()

    async def collect(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                got.append(message)
                await connection.send(message)
        finally:
            ended.set()

    async def main() -> None:
        async with line(collect) as here, asyncio.timeout(10):
            client = await here.connect()
            await client.send("before")
            assert await in_time(client) == "before"
            here.trouble.down(time.monotonic())
            await client.send("during")
            newcomer = asyncio.create_task(here.connect().__aenter__())
            while here.types().count("connected") < 2:
                await asyncio.sleep(0.001)
            newcomer.cancel()
            await asyncio.gather(newcomer, return_exceptions=True)
            client.transport.abort()
            await client.wait_closed()
            here.trouble.up(time.monotonic())
            await ended.wait()
            while here.types().count("closed") < 2:
                await asyncio.sleep(0.001)
        assert got == ["before"]
        sent = [r for r in here.log.rows if r["direction"] == "up" and r["type"] == "text"]
        assert len(sent) <= 1
        closed = [r["by"] for r in here.log.rows if r["type"] == "closed"]
        assert closed == ["appliance", "appliance"]

    asyncio.run(main())


def test_what_was_sent_during_an_outage_that_the_appliance_sat_out_is_not() -> None:
    async def main() -> None:
        async with line(echo) as here, here.connect() as client:
            here.trouble.down(time.monotonic())
            for number in range(50):
                await client.send(str(number))
            await asyncio.sleep(0.05)
            here.trouble.up(time.monotonic())
            assert [await in_time(client) for _ in range(50)] == [str(n) for n in range(50)]

    asyncio.run(main())


def test_delayed_messages_keep_their_order() -> None:
    async def main() -> None:
        async with line(echo) as here, here.connect() as client:
            here.trouble.jitter(30, 40, 0)
            began = time.monotonic()
            for number in range(30):
                await client.send(str(number))
                await asyncio.sleep(0.002)
            got = [await in_time(client) for _ in range(30)]
            assert got == [str(n) for n in range(30)]
            assert time.monotonic() - began >= 0.06  # 30 ms each way

    asyncio.run(main())


def test_audio_and_times_are_recorded() -> None:
    pcm = bytes(range(256)) * 4

    async def service(connection: ServerConnection) -> None:
        await connection.recv()
        body = {"type": "response.output_audio.delta", "item_id": "a", "response_id": "r"}
        await connection.send(json.dumps(body | {"delta": base64.b64encode(pcm).decode()}))
        await connection.wait_closed()

    async def main() -> None:
        async with line(service) as here, here.connect() as client:
            body = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
            sent_at = time.monotonic()
            await client.send(json.dumps(body))
            await in_time(client)
            got_at = time.monotonic()
            assert bytes(here.log.uplink.runs[0].data) == pcm
            assert bytes(here.log.downlink.runs[0].data) == pcm
            up_at = here.log.uplink.runs[0].chunks[0].at
            down_at = here.log.downlink.runs[0].chunks[0].at
            assert sent_at <= up_at <= down_at <= got_at

    asyncio.run(main())


@asynccontextmanager
async def way_to(upstream: Upstream) -> AsyncIterator[Line]:
    """A proxy that leads to ``upstream``; ``reasons`` are those it told."""
    log, trouble = WireLog(), Trouble()
    reasons: list[str] = []
    proxy = RecordingProxy(
        upstream, log, trouble, on_unreachable=lambda why, at: reasons.append(why)
    )
    await proxy.start()
    here = Line(proxy, log, trouble)
    here.reasons = reasons
    try:
        yield here
    finally:
        await proxy.stop()


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


def test_a_black_hole_hides_that_the_service_refuses() -> None:
    async def main() -> None:
        async with way_to(Upstream("127.0.0.1", free_port())) as here:
            here.trouble.down(time.monotonic())
            async with asyncio.timeout(10):
                while not here.log.rows:  # let in, and left hanging
                    with pytest.raises((TimeoutError, ConnectionRefusedError)):
                        await asyncio.wait_for(here.connect(), 0.1)
            here.trouble.up(time.monotonic())
            async with asyncio.timeout(10):
                while "nothing listens" not in "".join(here.reasons):
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_an_unknown_name_is_a_reset_with_its_reason() -> None:
    async def main() -> None:
        async with way_to(Upstream("no-such-host.invalid", 80)) as here:
            with pytest.raises((ConnectionError, InvalidHandshake)):
                await asyncio.wait_for(here.connect(), 20)
            assert here.reasons == ["the name of no-such-host.invalid:80 cannot be resolved"]
            assert [row["by"] for row in here.log.rows if row["type"] == "closed"] == [
                "unreachable"
            ]

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


def test_a_killed_service_ends_the_connection() -> None:
    async def die(connection: ServerConnection) -> None:
        connection.transport.abort()

    async def main() -> None:
        async with line(die) as here, here.connect() as client:
            await asyncio.wait_for(client.wait_closed(), 10)
            while "closed" not in here.types():
                await asyncio.sleep(0.01)
            assert here.log.rows[-1]["by"] == "service"

    asyncio.run(main())


def test_only_host_and_extensions_of_the_head_change() -> None:
    head = b"GET /x HTTP/1.1\r\nhost: a:1\r\nX: y\r\nSec-WebSocket-Extensions: z\r\n\r\n"
    assert rewrite_head(head, "b") == b"GET /x HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n"


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
