"""The session: hand-shake, configuration, deadlines, trouble, the end."""

from __future__ import annotations

import pytest

from device.commands import (
    AppendAudio,
    CancelReply,
    CommitTurn,
    RequestReply,
    SendToolResult,
    TruncateReply,
)
from device.events import (
    ErrorKind,
    LinkOpened,
    ServiceTrouble,
)
from device.providers.base import Connect, SessionSpec, ToolSpec
from device.providers.machine import MALFORMED_LIMIT, UNKNOWN_NOTED
from device.providers.openai_frames import BYTES_PER_MS
from tests.providers.driver import URL, Driver, ending, events, frames, kinds, notes

AUDIO = AppendAudio(bytes(200 * BYTES_PER_MS))


def connect_of(spec: SessionSpec) -> Connect:
    (connect,) = [o for o in Driver(spec).start() if isinstance(o, Connect)]
    return connect


# --- connecting ---------------------------------------------------------------------


def test_key_goes_into_the_header_and_the_default_model_into_the_address() -> None:
    connect = connect_of(SessionSpec(url=URL, key="sk-1"))
    assert connect.url == f"{URL}?model=gpt-realtime-2.1"
    assert connect.headers == {"Authorization": "Bearer sk-1"}


def test_without_a_key_there_is_no_header() -> None:
    assert connect_of(SessionSpec(url=URL)).headers == {}


@pytest.mark.parametrize(
    ("url", "model", "expected"),
    [
        (URL, "m 1", f"{URL}?model=m+1"),
        (f"{URL}?model=own", "other", f"{URL}?model=own"),
        (f"{URL}?call_id=rtc_1", "m", f"{URL}?call_id=rtc_1"),
        (f"{URL}?a=b#frag", "m", f"{URL}?a=b&model=m"),
    ],
)
def test_address(url: str, model: str, expected: str) -> None:
    assert connect_of(SessionSpec(url=url, model=model)).url == expected


def test_a_key_over_an_open_line_is_noted() -> None:
    assert "unencrypted" in notes(Driver(SessionSpec(url="ws://lan.example/", key="k")).start())[0]
    assert notes(Driver(SessionSpec(url="ws://127.0.0.1:1/", key="k")).start()) == []


@pytest.mark.parametrize("key", ["sk-1\nX-Evil: 1", "sk-ü", " sk-1", "sk-1\n"])
def test_a_key_that_is_no_header_value_is_refused_without_being_shown(key: str) -> None:
    reason, kind = ending(Driver(SessionSpec(url=URL, key=key)).start())
    assert kind is ErrorKind.KEY
    assert "sk-" not in reason


def test_a_broken_address_ends_the_attempt() -> None:
    assert ending(Driver(SessionSpec(url="wss://[bad")).start())[1] is ErrorKind.PROTOCOL


def test_nothing_secret_in_reprs() -> None:
    driver = Driver(SessionSpec(url=URL, key="sk-secret"))
    outputs = driver.start()
    assert "sk-secret" not in repr(outputs) + repr(driver.codec._spec)


# --- the hand-shake --------------------------------------------------------------------


def test_session_update_answers_the_greeting_and_nothing_is_sent_before() -> None:
    driver = Driver()
    driver.connect()
    assert frames(driver.outputs) == []
    assert kinds(driver.event("session.created", session={"id": "s"})) == ["session.update"]


def test_usable_when_acknowledged_then_what_waited_goes_out_in_order() -> None:
    driver = Driver()
    driver.connect()
    driver.command(AUDIO)
    driver.command(CommitTurn())
    driver.event("session.created", session={"id": "s"})
    driver.command(RequestReply("say hello"))
    assert events(driver.outputs) == []
    outputs = driver.event("session.updated", session={"id": "s"})
    assert outputs[0].event == LinkOpened("s")  # type: ignore[union-attr]
    # The second request waits until the first reply is done.
    assert kinds(outputs) == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]


def test_a_second_acknowledgement_opens_nothing_again() -> None:
    driver = Driver().ready()
    assert driver.event("session.updated", session={"id": "s"}) == []
    assert driver.event("session.created", session={"id": "s"}) == []


def test_conversation_created_is_a_greeting_too() -> None:
    driver = Driver()
    driver.connect()
    assert kinds(driver.event("conversation.created")) == ["session.update"]


@pytest.mark.parametrize(
    ("greeted", "heard", "kind"),
    [
        (False, False, ErrorKind.NETWORK),
        (False, True, ErrorKind.PROTOCOL),
        (True, True, ErrorKind.PROTOCOL),
    ],
)
def test_silence_in_the_hand_shake(greeted: bool, heard: bool, kind: ErrorKind) -> None:
    driver = Driver(SessionSpec(url=URL, handshake_timeout_s=8))
    assert driver.codec.deadline is None
    driver.connect()
    assert driver.codec.deadline == driver.now + 8
    if heard:
        driver.event("rate_limits.updated")
    if greeted:
        driver.event("session.created")
    assert driver.wait(7.9) == []
    assert ending(driver.wait(0.1))[1] is kind
    assert driver.codec.deadline is None


def test_refused_settings_end_the_attempt() -> None:
    driver = Driver()
    driver.connect()
    driver.event("session.created")
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no voice x"}
    reason, kind = ending(driver.event("error", error=error))
    assert kind is ErrorKind.PROTOCOL
    assert "no voice x" in reason


def test_a_service_that_speaks_another_format_is_refused() -> None:
    driver = Driver()
    driver.connect()
    driver.event("session.created")
    audio = {"output": {"format": {"type": "audio/pcmu"}}}
    assert ending(driver.event("session.updated", session={"audio": audio}))[1] is (
        ErrorKind.PROTOCOL
    )


def session_of(spec: SessionSpec) -> dict[str, object]:
    driver = Driver(spec)
    driver.connect()
    (frame,) = frames(driver.event("session.created"))
    return frame["session"]  # type: ignore[no-any-return]


def test_everything_the_owner_wants_is_in_the_session() -> None:
    tool = ToolSpec("get_time", "the time", {"type": "object", "properties": {}})
    assert session_of(
        SessionSpec(
            url=URL,
            voice="marin",
            instructions="Be brief.",
            language="de",
            transcription_model="gpt-transcribe",
            noise_reduction="near_field",
            vad_threshold=0.6,
            vad_prefix_ms=200,
            vad_silence_ms=700,
            tools=(tool,),
        )
    ) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-transcribe", "language": "de"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.6,
                    "prefix_padding_ms": 200,
                    "silence_duration_ms": 700,
                    "create_response": True,
                    "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
        },
        "tools": [
            {
                "type": "function",
                "name": "get_time",
                "description": "the time",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "tool_choice": "auto",
    }


def test_what_is_off_is_null_and_what_is_empty_is_left_to_the_service() -> None:
    session = session_of(SessionSpec(url=URL, noise_reduction="off", device_ends_turn=True))
    audio = session["audio"]
    assert isinstance(audio, dict)
    assert audio["input"]["noise_reduction"] is None
    assert audio["input"]["transcription"] is None
    assert audio["input"]["turn_detection"] is None
    assert "voice" not in audio["output"]
    assert "instructions" not in session
    assert "tool_choice" not in session


# --- trouble ---------------------------------------------------------------------------------


def test_no_sign_of_a_reply() -> None:
    driver = Driver(SessionSpec(url=URL, reply_timeout_s=15)).ready()
    assert driver.patience_ends is None
    driver.event("input_audio_buffer.committed", item_id="u1")
    assert driver.codec.deadline == driver.now + 15
    (trouble,) = events(driver.wait(15))
    assert isinstance(trouble, ServiceTrouble)
    assert driver.patience_ends is None
    assert kinds(driver.command(RequestReply("again"))) == ["response.create"]


def test_malformed_messages_are_reported_once_a_run_and_end_the_session_at_last() -> None:
    driver = Driver().ready()
    assert isinstance(events(driver.raw("{"))[0], ServiceTrouble)
    assert driver.raw("]") == []
    driver.event("rate_limits.updated")
    assert isinstance(events(driver.raw(b"\xff"))[0], ServiceTrouble)
    for _ in range(MALFORMED_LIMIT - 4):
        assert driver.raw("{") == []
    assert ending(driver.raw("{"))[1] is ErrorKind.PROTOCOL
    assert driver.raw("{") == []


def test_unknown_events_are_noted_once_each() -> None:
    driver = Driver().ready()
    assert "response.sing.delta" in notes(driver.event("response.sing.delta"))[0]
    assert driver.event("response.sing.delta") == []
    for number in range(2 * UNKNOWN_NOTED):
        driver.event(f"unknown.{number}")
    assert len(notes(driver.outputs)) == UNKNOWN_NOTED
    assert driver.event("response.mcp_call.in_progress") == []


def test_a_harmless_error_is_ignored_and_others_are_reported() -> None:
    driver = Driver().ready()
    assert driver.event("error", error={"code": "response_cancel_not_active"}) == []
    error = {"type": "invalid_request_error", "code": "strange", "message": "odd thing"}
    (trouble,) = events(driver.event("error", error=error))
    assert trouble == ServiceTrouble(ErrorKind.PROTOCOL, "odd thing [strange]")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_api_key", ErrorKind.KEY),
        ("beta_api_shape_disabled", ErrorKind.PROTOCOL),
        ("model_not_found", ErrorKind.PROTOCOL),
        ("session_expired", ErrorKind.SERVICE),
        ("insufficient_quota", ErrorKind.QUOTA),
    ],
)
def test_fatal_errors_end_the_session(code: str, kind: ErrorKind) -> None:
    driver = Driver().ready()
    assert ending(driver.event("error", error={"code": code}))[1] is kind


def test_a_finished_codec_answers_nothing() -> None:
    driver = Driver().ready()
    assert ending(driver.take(driver.codec.finish("bye", driver.now))) == ("bye", None)
    before = len(driver.outputs)
    driver.created()
    driver.raw("{")
    driver.command(CancelReply("r1"))
    driver.command(TruncateReply("i1", 1))
    driver.command(SendToolResult("c1", "{}"))
    driver.wait(1000)
    driver.take(driver.codec.closed(1006, "", driver.now))
    driver.take(driver.codec.refused(401, b"", driver.now))
    driver.take(driver.codec.http_answered("t", 200, b"", driver.now))
    assert len(driver.outputs) == before
