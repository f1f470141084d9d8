"""Whole appliance, simulated room: a service that cannot be used is told once, and by its name."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from device.fakes_link import ScriptedServer, ServerSession
from device.simulator.console import Console
from device.simulator.director import Director, free_port
from device.simulator.scenario import parse
from tests.certificates import certificate, server_context

__all__ = ["certificate"]

pytestmark = [pytest.mark.room, pytest.mark.appliance]

SCENARIO = """
duration_s = 3.5
[[cue]]
at_s = 0.2
button = "action"
"""


@dataclass(frozen=True)
class Told:
    """What a run left: error lines of the timeline, warnings of the log, and all as text."""

    errors: list[dict[str, Any]]
    reasons: list[str]
    warnings: list[str]
    shown: str


def perform(
    out: Path,
    service: dict[str, Any],
    script: Any = None,
    tls: ssl.SSLContext | None = None,
    gate: Any = None,
) -> Told:
    """One press of the button, with a key that looks right; ``script`` None: nobody listens."""
    key = out / "key"
    key.write_text("sk-looks-like-a-key\n")
    key.chmod(0o644)  # everybody may read it: one warning, not one an attempt
    shown = io.StringIO()

    async def main() -> None:
        async with AsyncExitStack() as stack:
            config = {"provider": "openai_realtime", "key_file": str(key), **service}
            if script is not None:
                server = await stack.enter_async_context(ScriptedServer(script, gate=gate, tls=tls))
                config["url"] = server.url
            config.setdefault("url", f"ws://127.0.0.1:{free_port()}/v1/realtime")
            scenario = parse(SCENARIO, out / "s.toml")
            outcome = await Director(scenario, {"service": config}, out, Console(shown)).run()
            assert outcome.failure == "", outcome.log

    asyncio.run(main())
    lines = [json.loads(line) for line in (out / "timeline.jsonl").read_text().splitlines()]
    log = (out / "appliance.log").read_text()
    assert "looks-like" not in log + shown.getvalue()
    return Told(
        [line for line in lines if line["event"] == "error"],
        [line["reason"] for line in lines if line["event"] == "service_unreachable"],
        [
            line
            for line in log.splitlines()
            if line.startswith(("WARNING", "ERROR")) and "chmod 600" not in line
        ],
        log + shown.getvalue(),
    )


async def listen(session: ServerSession) -> None:
    await session.greet()
    await session.rest()


def test_a_refused_connection(tmp_path: Path) -> None:
    port = free_port()
    told = perform(tmp_path, {"url": f"ws://localhost:{port}/v1/realtime"})
    assert len(told.errors) >= 2  # tried again, told in the timeline each time
    expected = f"localhost:{port} refused the connection: nothing listens"
    assert {(e["kind"], e["detail"]) for e in told.errors} == {("network", expected)}
    assert len(told.warnings) == 1
    assert expected in told.warnings[0]
    assert told.shown.count("chmod 600") == 1


def test_a_certificate_that_is_not_accepted(tmp_path: Path, certificate: Path) -> None:
    told = perform(tmp_path, {}, listen, server_context(certificate))
    assert {error["kind"] for error in told.errors} == {"certificate"}
    assert "self-signed certificate" in told.errors[0]["detail"]
    assert len(told.warnings) == 1
    assert told.reasons and all("was not accepted" in reason for reason in told.reasons)


def test_a_key_that_the_service_refuses(tmp_path: Path) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        del request
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no")

    told = perform(tmp_path, {}, listen, gate=refuse)
    assert {error["kind"] for error in told.errors} == {"key"}
    assert len(told.warnings) == 1
    assert told.reasons == []


def test_a_key_that_is_refused_in_the_session(tmp_path: Path) -> None:
    async def refuse(session: ServerSession) -> None:
        body = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "no such"}
        await session.send("error", error=body)
        await session.connection.close(3000, "invalid_request_error.invalid_api_key")

    told = perform(tmp_path, {}, refuse)
    assert {error["kind"] for error in told.errors} == {"key"}
    assert len(told.warnings) == 1


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff\xfe"])
def test_a_key_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    other = tmp_path / "other"
    if content is not None:
        other.write_bytes(content)
    told = perform(tmp_path, {"key_file": str(other)})
    assert {error["kind"] for error in told.errors} == {"key"}
    assert str(other) in told.errors[0]["detail"]
    assert len(told.warnings) == 1


def test_a_message_that_is_too_big(tmp_path: Path) -> None:
    async def flood(session: ServerSession) -> None:
        await session.greet()
        await session.next("input_audio_buffer.append")
        await session.send("session.updated", padding="x" * 70_000)
        await session.rest()

    told = perform(tmp_path, {"max_message_bytes": 65_536}, flood)
    assert len(told.warnings) == 1
    assert "more than 65536 bytes" in told.warnings[0]
