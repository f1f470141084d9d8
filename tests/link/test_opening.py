"""Opening: every way in which it fails is told apart, and tried again."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from device.adapters.link_errors import explain
from device.errors import SecretError
from device.events import ErrorKind, LinkClosed, LinkFailed, LinkOpened
from device.providers.base import Codec, SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from device.settings import ServiceSettings
from tests.certificates import certificate, server_context
from tests.link.rig import KEY, QUICK, Rig, ScriptedServer, no_server_url, quiet, run

__all__ = ["certificate"]

HASTY = ServiceSettings(connect_timeout_s=0.2)
PATIENT = replace(QUICK, backoff_base_s=3600, backoff_cap_s=3600, slow_retry_s=3600)


def test_opens_once_with_key_and_model() -> None:
    async def test() -> None:
        async with ScriptedServer(quiet) as server:
            rig = Rig(server.url)
            rig.link.open()
            rig.link.open()
            assert (await rig.until(LinkOpened)).session_id == "sess_1"
            rig.link.open()
            assert rig.link.is_open
            assert server.headers[0]["authorization"] == f"Bearer {KEY}"
            assert "openai-beta" not in server.headers[0]
            assert "sec-websocket-extensions" not in server.headers[0]
            await rig.link.stop()
            assert len(server.sessions) == 1
            assert rig.events[-1] == LinkClosed("shutting down")

    run(test)


def test_nothing_listens_then_something_does() -> None:
    async def test() -> None:
        rig = Rig(no_server_url())
        first = await rig.fails()
        assert (first.kind, first.attempt) == (ErrorKind.NETWORK, 1)
        assert "nothing listens" in first.detail
        assert first.retry_at is not None and first.retry_at <= time.monotonic() + 0.02
        assert (await rig.until(LinkFailed, 3)).attempt == 3
        async with ScriptedServer(quiet) as server:
            rig.url = server.url
            await rig.until(LinkOpened)
            await rig.link.stop()

    run(test)


def test_opening_again_while_waiting_tries_at_once() -> None:
    async def test() -> None:
        rig = Rig(no_server_url(), tuning=PATIENT)
        await rig.fails(1)
        await rig.fails(2)
        await rig.link.stop()
        assert rig.of(LinkClosed) == []

    run(test)


@pytest.mark.parametrize(
    ("status", "kind", "slow"),
    [
        (302, ErrorKind.PROTOCOL, False),
        (401, ErrorKind.KEY, True),
        (404, ErrorKind.PROTOCOL, False),
        (429, ErrorKind.QUOTA, True),
        (500, ErrorKind.SERVICE, False),
    ],
)
def test_refused_with_http_status(status: int, kind: ErrorKind, slow: bool) -> None:
    def gate(connection: ServerConnection, request: Request) -> Response:
        answer = connection.respond(HTTPStatus(status), '{"error":{"message":"so sorry"}}')
        answer.headers["Location"] = "/elsewhere"
        return answer

    async def test() -> None:
        async with ScriptedServer(quiet, gate=gate) as server:
            rig = Rig(server.url)
            failed = await rig.fails()
            assert failed.kind is kind
            assert str(status) in failed.detail and "so sorry" in failed.detail
            assert failed.retry_at is not None
            assert (failed.retry_at > time.monotonic() + 30) is slow
            await rig.link.stop()
            assert not any(path.startswith("/elsewhere") for path in server.paths)

    run(test)


def test_a_name_that_does_not_exist() -> None:
    async def test() -> None:
        rig = Rig("ws://no-such-host.invalid/")
        failed = await rig.fails()
        assert failed.kind is ErrorKind.NETWORK
        assert "cannot be resolved" in failed.detail
        await rig.link.stop()

    run(test)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "no address", "ws://", "wss://[bad"])
def test_an_address_that_is_none(url: str) -> None:
    async def test() -> None:
        rig = Rig(url, tuning=PATIENT)
        failed = await rig.fails()
        assert failed.kind is ErrorKind.PROTOCOL
        assert "address" in failed.detail
        await rig.link.stop()

    run(test)


async def raw_server(answer: bytes | None) -> asyncio.Server:
    """Answers the hand-shake with ``answer`` and hangs up; None: never answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        else:
            await reader.read()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (None, ErrorKind.NETWORK, "did not answer within 0.2 s"),
        (b"", ErrorKind.NETWORK, "hung up"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", ErrorKind.PROTOCOL, "does not speak WebSocket"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ErrorKind.PROTOCOL, "HTTP 200"),
    ],
)
def test_a_peer_that_is_no_websocket_server(
    answer: bytes | None, kind: ErrorKind, words: str
) -> None:
    async def test() -> None:
        async with await raw_server(answer) as server:
            port = server.sockets[0].getsockname()[1]
            settings = HASTY if answer is None else ServiceSettings()
            rig = Rig(f"ws://127.0.0.1:{port}/", settings=settings, tuning=PATIENT)
            failed = await rig.fails()
            assert (failed.kind, words in failed.detail) == (kind, True), failed
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize("greets", [False, True])
def test_a_service_that_does_not_acknowledge(greets: bool) -> None:
    async def test() -> None:
        async def script(session) -> None:  # type: ignore[no-untyped-def]
            if greets:
                await session.send("session.created", session={})
            await session.rest()

        async with ScriptedServer(script) as server:
            rig = Rig(server.url, handshake_timeout_s=0.2)
            failed = await rig.fails()
            assert failed.kind is (ErrorKind.PROTOCOL if greets else ErrorKind.NETWORK)
            await rig.until(LinkFailed, 2)
            await rig.link.stop()
            assert rig.of(LinkOpened) == []

    run(test)


def test_an_unreadable_key_is_told_and_read_again_next_time() -> None:
    readable = False

    def codec(spec: SessionSpec) -> Codec:
        if not readable:
            raise SecretError("cannot be read", key="service.key_file")
        return OpenAIRealtime(spec)

    async def test() -> None:
        nonlocal readable
        async with ScriptedServer(quiet) as server:
            rig = Rig(server.url, codec=codec)
            failed = await rig.fails()
            assert failed.kind is ErrorKind.KEY
            readable = True
            rig.link.open()
            await rig.until(LinkOpened)
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize("fails", ["connecting", "waiting"])
def test_closed_before_it_was_open(fails: str) -> None:
    async def test() -> None:
        async with await raw_server(None) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"ws://127.0.0.1:{port}/" if fails == "connecting" else no_server_url()
            rig = Rig(url, tuning=PATIENT)
            rig.link.open()
            if fails == "waiting":
                await rig.until(LinkFailed)
            else:
                await asyncio.sleep(0)  # the attempt is under way
            rig.link.close("changed my mind")
            await rig.link.stop()
            assert rig.of(LinkClosed) == []
            assert rig.link.counters.attempts == 1

    run(test)


# --- TLS --------------------------------------------------------------------------------


def test_a_self_signed_certificate_is_refused_and_a_trusted_one_is_not(certificate: Path) -> None:
    async def test() -> None:
        async with ScriptedServer(quiet, tls=server_context(certificate)) as server:
            rig = Rig(server.url)
            failed = await rig.fails()
            assert failed.kind is ErrorKind.CERTIFICATE
            assert "self-signed" in failed.detail
            assert failed.retry_at is not None and failed.retry_at > time.monotonic() + 30
            await rig.link.stop()

            trusting = lambda: ssl.create_default_context(cafile=certificate)  # noqa: E731
            rig = Rig(server.url, ssl_context=trusting)
            rig.link.open()
            await rig.until(LinkOpened)
            await rig.link.stop()

            rig = Rig(server.url.replace("127.0.0.1", "localhost"), ssl_context=trusting)
            failed = await rig.fails()
            assert failed.kind is ErrorKind.CERTIFICATE
            assert "not for localhost" in failed.detail
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind.PROTOCOL, "does not speak TLS"),
        (b"", ErrorKind.NETWORK, "hung up"),
    ],
)
def test_tls_to_a_server_that_speaks_none(answer: bytes, kind: ErrorKind, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    async def test() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            rig = Rig(f"wss://127.0.0.1:{port}/", tuning=PATIENT)
            failed = await rig.fails()
            assert (failed.kind, words in failed.detail) == (kind, True), failed
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(526, ErrorKind.CERTIFICATE), (525, ErrorKind.CERTIFICATE), (502, ErrorKind.SERVICE)],
)
def test_a_gateway_that_refuses_the_certificate_behind_it(status: int, kind: ErrorKind) -> None:
    body = b'{"error": {"message": "the certificate of far:443 was not accepted"}}'
    head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        writer.close()

    async def test() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            rig = Rig(f"ws://127.0.0.1:{port}/", tuning=PATIENT)
            failed = await rig.fails()
            assert failed.kind is kind
            assert "the certificate of far:443 was not accepted" in failed.detail
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 1"])
def test_a_reset_during_the_hand_shake_is_the_networks_fault(first: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        linger = struct.pack("ii", 1, 0)  # closing sends RST
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def test() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            rig = Rig(f"ws://127.0.0.1:{port}/", tuning=PATIENT)
            failed = await rig.fails()
            assert failed.kind is ErrorKind.NETWORK, failed
            assert "reset" in failed.detail or "hung up" in failed.detail
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize(
    ("verify_code", "words"),
    [(10, "clock"), (9, "clock"), (18, "self-signed"), (20, "unknown issuer"), (62, "not for")],
)
def test_certificate_errors_in_words(verify_code: int, words: str) -> None:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_code, error.verify_message = verify_code, "because"
    ending = explain(error, "host:443", 8)
    assert ending.kind is ErrorKind.CERTIFICATE
    assert words in ending.reason
