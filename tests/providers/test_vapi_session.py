"""Vapi: a call is asked for over HTTP, is a secret, and ends with a word."""

from __future__ import annotations

import json

import pytest

from device.commands import AppendAudio
from device.events import ErrorKind, LinkOpened, ServiceTrouble, SessionOpening
from device.providers.base import Connect, Emit, HttpRequest, SendFrame, SessionSpec
from device.providers.vapi import SERVICE, Vapi
from tests.providers.driver import ending, events
from tests.providers.line_drivers import CALL_URL, KEY, Call


def test_a_call_is_asked_for_with_the_format_of_its_sound() -> None:
    (request,) = Call(options={"rate_hz": 24000}).codec.start(0.0)
    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://vapi.example.org/call")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    sound = {"format": "pcm_s16le", "container": "raw", "sampleRate": 24000}
    assert json.loads(request.body) == {
        "assistantId": "assistant_1",
        "transport": {"provider": "vapi.websocket", "audioFormat": sound},
    }


def test_where_a_pause_is_taken_for_the_end_of_a_reply_the_core_knows_it() -> None:
    assert not SERVICE.able.tells_ends


def test_without_an_assistant_there_is_nobody_to_call() -> None:
    codec = Vapi(SessionSpec(url="https://vapi.example.org/call", key=KEY))
    assert ending(codec.start(0.0))[1] is ErrorKind.PROTOCOL


def test_the_call_is_where_the_answer_says_and_the_key_does_not_go_there() -> None:
    call = Call()
    call.codec.start(0.0)
    assert call.answered() == [Emit(SessionOpening(5.0)), Connect(CALL_URL)]


@pytest.mark.parametrize("status", [200, 201])
def test_both_ways_to_say_yes_are_understood(status: int) -> None:
    call = Call()
    call.codec.start(0.0)
    assert call.answered(status)[-1] == Connect(CALL_URL)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ErrorKind.KEY),
        (402, ErrorKind.QUOTA),
        (429, ErrorKind.QUOTA),
        (400, ErrorKind.PROTOCOL),
        (503, ErrorKind.SERVICE),
    ],
)
def test_a_refused_call_has_a_reason(status: int, kind: ErrorKind) -> None:
    call = Call()
    call.codec.start(0.0)
    words, told = ending(call.answered(status, {"message": f"not {KEY}", "error": "No"}))
    assert told is kind
    assert words.endswith("not [key]")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"transport": 5},
        {"transport": {"websocketCallUrl": "https://x"}},
        {"transport": {"websocketCallUrl": "wss://["}},
        {"transport": {"websocketCallUrl": None}},
        [],
    ],
)
def test_an_answer_without_a_usable_address_ends_the_attempt(body: object) -> None:
    call = Call()
    call.codec.start(0.0)
    assert ending(call.answered(201, body))[1] is ErrorKind.PROTOCOL


def test_a_call_that_was_asked_for_securely_is_not_held_insecurely() -> None:
    call = Call()
    call.codec.start(0.0)
    body = {"transport": {"websocketCallUrl": CALL_URL.replace("wss:", "ws:")}}
    assert ending(call.answered(201, body))[1] is ErrorKind.PROTOCOL
    plain = Call("http://vapi.example.org/call")
    plain.codec.start(0.0)
    assert plain.answered(201, body)[-1] == Connect(CALL_URL.replace("wss:", "ws:"))


@pytest.mark.parametrize("shown", ["cv%2Fabcdefgh%3D", "cv/abcdefgh="])
def test_where_the_call_is_appears_in_no_text_however_it_is_written(shown: str) -> None:
    call = Call()
    call.codec.start(0.0)
    url = "wss://phone.example.org/transport?token=cv%2Fabcdefgh%3D"
    call.answered(201, {"transport": {"websocketCallUrl": url}})
    call.codec.opened(0.1)
    words, _ = ending(call.codec.closed(1008, f"no {shown}", 0.2))
    assert words.endswith("no [call]")


def test_the_call_is_usable_as_soon_as_it_is_open() -> None:
    call = Call()
    call.codec.start(0.0)
    call.answered()
    call.command(AppendAudio(b"\1\0" * 320))
    outputs = call.codec.opened(0.0)
    assert events(outputs) == [LinkOpened("")]
    assert [o.data for o in outputs if isinstance(o, SendFrame)] == [b"\1\0" * 320]


def test_where_the_call_is_is_never_shown() -> None:
    call = Call().ready()
    parts = (CALL_URL, "7420f27a-secret-call", KEY)
    call.event("error", message=f"{CALL_URL} and 7420f27a-secret-call and {KEY}")
    call.take(call.codec.closed(1011, f"call 7420f27a-secret-call {CALL_URL}", call.now))
    shown = repr(call.outputs)
    assert not any(part in shown for part in parts)


def test_hanging_up_is_the_farewell() -> None:
    call = Call().ready()
    (frame,) = call.codec.finish("enough", call.now)
    assert isinstance(frame, SendFrame)
    assert frame.data == '{"type":"hangup"}'
    assert ending(call.codec.closed(1000, "", call.now))[1] is None


def test_an_assistant_that_hangs_up_has_ended_the_session() -> None:
    assert ending(Call().ready().event("hangup"))[1] is ErrorKind.SERVICE


def test_errors_are_told() -> None:
    (trouble,) = events(Call().ready().event("error", error={"message": "odd"}))
    assert isinstance(trouble, ServiceTrouble)


def test_what_is_not_known_is_noted_once() -> None:
    call = Call().ready()
    assert call.event("conversation-update", messages=[]) == []
    assert len(call.event("new-thing")) == 1
    assert call.event("new-thing") == []
