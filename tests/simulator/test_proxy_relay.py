"""What the recording proxy relays, changes in the head, and records."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from device.simulator.proxy import rewrite_head
from tests.simulator.proxy_line import echo, in_time, line


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
            headers = {"Authorization": "Bearer sk-1"}
            async with connect(here.url, additional_headers=headers, proxy=None) as client:
                await client.wait_closed()
            assert f":{here.proxy.port}" not in seen["Host"]
            assert "sk-1" not in repr(here.log.rows)

    asyncio.run(main())
    assert seen["path"] == "/v1/realtime?model=m"
    assert seen["Authorization"] == "Bearer sk-1"
    assert "Sec-WebSocket-Extensions" not in seen


def test_only_host_and_extensions_of_the_head_change() -> None:
    head = b"GET /x HTTP/1.1\r\nhost: a:1\r\nX: y\r\nSec-WebSocket-Extensions: z\r\n\r\n"
    assert rewrite_head(head, "b") == b"GET /x HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n"


def test_the_close_handshake_passes() -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(4000, "beta_api_shape_disabled")

    async def main() -> None:
        async with line(close) as here, here.connect() as client:
            await asyncio.wait_for(client.wait_closed(), 10)
            assert (client.close_code, client.close_reason) == (4000, "beta_api_shape_disabled")

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
