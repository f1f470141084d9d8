"""OpenAI Live: how a session begins, is paid for, is kept and ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device.commands import AppendAudio, CommitTurn, RequestReply, TruncateReply
from device.events import ErrorKind, LinkOpened, ServiceTrouble, UsageReported
from device.providers.base import Connect, Disconnect, Said, SendFrame, SessionSpec
from device.providers.live import OpenAILive
from tests.providers.driver import ending, events, frames, kinds
from tests.providers.duplex_driver import only
from tests.providers.live_driver import KEY, TOOLS, URL, Live


def start_of(**spec: Any) -> dict[str, Any]:
    (frame,) = frames(Live(**spec).greeted().outputs)
    assert frame.pop("type") == "session.start"
    session: dict[str, Any] = frame.pop("session")
    assert frame == {}
    return session


def test_the_key_goes_into_the_header_and_the_address_is_taken_as_it_is() -> None:
    (connect,) = OpenAILive(SessionSpec(url=URL, key=KEY)).start(0.0)
    assert connect == Connect(URL, {"Authorization": f"Bearer {KEY}"}, endless=True)


def test_the_session_is_asked_for_first_and_usable_when_the_service_says_so() -> None:
    live = Live().greeted()
    assert kinds(live.outputs) == ["session.start"]
    live.command(AppendAudio(bytes(4800)))
    assert kinds(live.outputs) == ["session.start"], "nothing is sent before"
    outputs = live.event("session.started", session={"id": "live_1"})
    assert events(outputs) == [LinkOpened("live_1")]
    assert kinds(outputs) == ["session.input_audio.append"]


def test_voice_instructions_and_history_are_told_at_the_start() -> None:
    history = (Said("user", "hello"), Said("assistant", "hi"), Said("user", " "))
    session = start_of(voice="marin", instructions="Be short.", history=history, tools=())
    assert session == {
        "model": "gpt-live-1",
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
        "instructions": "Be short.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "hi"}],
            },
        ],
    }


def test_the_devices_tools_belong_to_the_backend() -> None:
    session = start_of(options={"delegation_model": "gpt-x"})
    assert "tools" not in session
    assert session["delegation"]["type"] == "responses"
    backend = session["delegation"]["responses"]
    assert backend["model"] == "gpt-x"
    assert [tool["name"] for tool in backend["tools"]] == [tool.name for tool in TOOLS]


def test_no_delegation_is_asked_for_where_the_owner_does_not_want_it() -> None:
    assert "delegation" not in start_of(options={"delegation": False})


def test_another_sound_than_ours_ends_the_attempt() -> None:
    for spoken in ({"type": "audio/pcmu", "rate": 8000}, {"type": "audio/pcm", "rate": 16000}):
        live = Live().greeted()
        outputs = live.event("session.started", session={"id": "s", "audio": {"format": spoken}})
        assert ending(outputs)[1] is ErrorKind.PROTOCOL


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_api_key", ErrorKind.KEY),
        ("credit_balance_exhausted", ErrorKind.QUOTA),
        ("insufficient_quota", ErrorKind.QUOTA),
        ("unknown_parameter", ErrorKind.PROTOCOL),
        ("server_error", ErrorKind.SERVICE),
    ],
)
def test_an_error_before_the_session_ends_the_attempt(code: str, kind: ErrorKind) -> None:
    live = Live().greeted()
    error = {"type": "error", "code": code, "message": f"no {KEY}"}
    outputs = live.event("error", error=error)
    reason, told = ending(outputs)
    assert told is kind
    assert KEY not in reason


def test_an_exhausted_balance_ends_a_session_too() -> None:
    live = Live().ready()
    error = {"type": "billing", "code": "credit_balance_exhausted", "message": "empty"}
    assert ending(live.event("error", error=error))[1] is ErrorKind.QUOTA


def test_an_error_about_a_command_is_told_and_the_session_goes_on() -> None:
    live = Live().ready()
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no"}
    (trouble,) = events(live.event("error", error=error))
    assert isinstance(trouble, ServiceTrouble)
    assert kinds(live.says(100)) != []


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("expired", ErrorKind.SERVICE),
        ("content", ErrorKind.SERVICE),
        ("remote_hangup", ErrorKind.SERVICE),
        ("connection_lost", ErrorKind.NETWORK),
        ("close_requested", ErrorKind.SERVICE),
        (7, ErrorKind.SERVICE),
    ],
)
def test_every_end_has_a_reason(reason: object, kind: ErrorKind) -> None:
    outputs = Live().ready().event("session.closed", reason=reason, usage={"seconds": 2})
    assert ending(outputs)[1] is kind
    assert only(outputs, UsageReported) == [UsageReported(seconds=2.0)]


def test_an_orderly_end_waits_for_the_services_last_word() -> None:
    live = Live().ready()
    assert kinds(live.take(live.codec.finish("enough", live.now))) == ["session.close"]
    assert live.event("session.output_audio.delta", delta="AAAA") == []
    outputs = live.event("session.closed", reason="close_requested", usage={"seconds": 1.5})
    assert ending(outputs)[1] is None
    assert live.event("session.started") == []


def test_usage_is_a_sum_and_told_as_increments() -> None:
    live = Live().ready()
    told: list[Any] = []
    for seconds in (1.5, 1.5, 4.0, 3.0, "many", 10**400, 4.5):
        told += only(live.event("session.usage.updated", usage={"seconds": seconds}), UsageReported)
    assert told == [UsageReported(seconds=s) for s in (1.5, 2.5, 0.5)]


def test_the_backends_tokens_are_told_as_well() -> None:
    live = Live().ready()
    details = {"cached_tokens": 3}
    usage = {"input_tokens": 10, "output_tokens": 4, "input_tokens_details": details}
    told = only(live.completes(usage=usage), UsageReported)
    assert told == [UsageReported(text_in=10, text_out=4, cached_text_in=3, model="gpt-5.5")]


def test_they_are_those_of_the_model_that_the_owner_chose() -> None:
    live = Live(options={"delegation_model": "gpt-5.5-mini"}).ready()
    told = only(live.completes(usage={"input_tokens": 10}), UsageReported)
    assert [report.model for report in told] == ["gpt-5.5-mini"]


def test_a_kept_session_hears_a_little_silence_and_not_for_ever() -> None:
    live = Live().ready()
    sent = [o for o in live.wait(7200) if isinstance(o, SendFrame)]
    assert 170 <= len(sent) <= 180, "every 20 s, for an hour"
    assert {json.loads(o.data)["type"] for o in sent} == {"session.input_audio.append"}
    assert live.codec.deadline is None


def test_what_cannot_be_told_is_not_told() -> None:
    live = Live().ready()
    for command in (CommitTurn(), TruncateReply("i", 5), RequestReply("say this")):
        assert live.command(command) == []


def test_known_and_unknown_events_change_nothing() -> None:
    live = Live().ready()
    assert live.event("info", code="c", message="m") == []
    assert len(live.event("session.new_thing")) == 1
    assert live.event("session.new_thing") == []


def test_no_answer_within_the_hand_shakes_time_ends_the_attempt() -> None:
    live = Live().greeted()
    assert [o.kind for o in live.wait(60) if isinstance(o, Disconnect)] == [ErrorKind.NETWORK]
