"""Cartesia Line: how a session begins and ends, and what is sent."""

from __future__ import annotations

import base64

import pytest

from device.commands import AppendAudio
from device.events import ErrorKind, LinkOpened, ServiceTrouble
from device.providers.base import Connect, Note, Output, SessionSpec
from device.providers.cartesia import SERVICE, CartesiaLine
from tests.providers.driver import ending, events, frames
from tests.providers.line_drivers import KEY, Line

HOST = "wss://line.example.org"
TOKEN, API_KEY = {"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}


@pytest.mark.parametrize(
    ("url", "version", "address", "access"),
    [
        (HOST, "2025-04-16", f"{HOST}/agents/stream/a%2F1", TOKEN),
        (HOST + "/", "2026-08-14", f"{HOST}/v1/agents/websocket/a%2F1", API_KEY),
        (f"{HOST}/agents/stream", "2025-04-16", f"{HOST}/agents/stream/a%2F1", TOKEN),
        (f"{HOST}/mine/{{agent_id}}?x=1", "2025-04-16", f"{HOST}/mine/a%2F1?x=1", TOKEN),
        (f"{HOST}/v1/agents/websocket/b", "2025-04-16", f"{HOST}/v1/agents/websocket/b", API_KEY),
    ],
)
def test_the_version_or_the_owners_address_tells_how_it_is_reached(
    url: str, version: str, address: str, access: dict[str, str]
) -> None:
    line = Line(url, options={"agent_id": "a/1", "api_version": version})
    (connect,) = line.codec.start(0.0)
    assert connect == Connect(address, {"Cartesia-Version": version, **access})


def test_where_a_pause_is_taken_for_the_end_of_a_reply_the_core_knows_it() -> None:
    assert not SERVICE.able.tells_ends


@pytest.mark.parametrize(
    ("version", "wants"),
    [("2025-04-16", 'cartesia.api_version = "2026-08-14"'), ("2026-08-14", "wants an API key")],
)
def test_a_refused_key_is_told_what_the_address_wants(version: str, wants: str) -> None:
    codec = Line(HOST, options={"agent_id": "a", "api_version": version}).codec
    codec.start(0.0)
    words, kind = ending(codec.refused(401, b'{"error": "unauthorized"}', 0.1))
    assert wants in words
    assert kind is ErrorKind.KEY
    other, _ = ending(_refused(503))
    assert "wants" not in other


def _refused(status: int) -> list[Output]:
    codec = Line(HOST, options={"agent_id": "a"}).codec
    codec.start(0.0)
    return codec.refused(status, b"", 0.1)


def test_without_an_agent_there_is_nobody_to_ask_for() -> None:
    codec = CartesiaLine(SessionSpec(url=HOST, key=KEY))
    assert ending(codec.start(0.0))[1] is ErrorKind.PROTOCOL


def test_the_stream_begins_with_its_format_and_is_usable_when_that_is_acknowledged() -> None:
    line = Line(options={"rate_hz": 16000}, voice="v1").greeted()
    config = {"input_format": "pcm_16000", "voice_id": "v1"}
    assert frames(line.outputs) == [{"event": "start", "config": config}]
    line.command(AppendAudio(bytes(3200)))
    config["input_format"] = "pcm_16000"
    outputs = line.event("ack", stream_id="s1", config=config)
    assert events(outputs) == [LinkOpened("s1")]
    payload = base64.b64encode(bytes(3200)).decode()
    sent = {"event": "media_input", "stream_id": "s1", "media": {"payload": payload}}
    assert frames(outputs) == [sent]
    able = line.codec.capabilities
    assert (able.uplink_rate_hz, able.downlink_rate_hz) == (16000, 16000)


@pytest.mark.parametrize("spoken", ["mulaw_8000", "pcm_44100"])
def test_another_format_than_ours_ends_the_attempt(spoken: str) -> None:
    outputs = Line().greeted().event("ack", config={"input_format": spoken})
    assert ending(outputs)[1] is ErrorKind.PROTOCOL


def test_nothing_of_the_agent_counts_before_the_stream_has_begun() -> None:
    line = Line().greeted()
    assert events(line.sounds(100)) == []


def test_errors_are_told_apart_and_hold_no_key() -> None:
    line = Line().ready()
    (trouble,) = events(line.event("error", message=f"odd {KEY}"))
    assert isinstance(trouble, ServiceTrouble)
    assert KEY not in trouble.detail
    error = {"code": "insufficient_quota", "message": "no credits"}
    assert ending(line.event("error", error=error))[1] is ErrorKind.QUOTA


def test_an_error_before_the_stream_ends_the_attempt() -> None:
    assert ending(Line().greeted().event("error", message="bad config"))[0] == "bad config"


def test_what_an_appliance_cannot_do_is_noted() -> None:
    line = Line().ready()
    (note,) = line.event("transfer_call", target="+4912345")
    assert isinstance(note, Note)
    assert line.event("dtmf", dtmf="1") == []
    assert line.event("custom", metadata={}) == []
    assert len(line.event("new_thing")) == 1


def test_a_refused_key_is_one() -> None:
    line = Line()
    line.codec.start(0.0)
    assert ending(line.codec.refused(401, b"", 0.0))[1] is ErrorKind.KEY


def test_there_is_no_farewell() -> None:
    assert ending(Line().ready().codec.finish("enough", 0.0)) == ("enough", None)
