"""Errors of an ElevenLabs agent, closings, and messages that are none."""

from __future__ import annotations

import json

import pytest

from device.events import ErrorKind, ReplyDone, ServiceTrouble
from device.providers.base import Disconnect
from tests.providers.driver import ending, events, notes
from tests.providers.elevenlabs_driver import KEY, Agent, spec, told

OVERRIDES = {"override_prompt": True, "override_voice": True, "voice": "v1"}


def error(agent: Agent, kind: str, message: str = "", code: int = 1008) -> list[object]:
    return list(agent.event("error", code=code, error_type=kind, message=message))


def test_a_refused_override_says_which_one_to_allow() -> None:
    agent = Agent(spec(**OVERRIDES))
    agent.connect()
    outputs = agent.event("error", code=1008, error_type="override_error", message="tts.voice_id")
    words, kind = ending(outputs)
    assert "the voice" in words
    assert "elevenlabs.override_voice" in words
    assert "override_prompt" not in words
    assert kind is ErrorKind.PROTOCOL


def test_a_refused_override_that_is_not_named_names_all_that_were_sent() -> None:
    agent = Agent(spec(**OVERRIDES)).ready()
    words, _ = ending(agent.event("error", code=1008, error_type="override_error"))
    assert "elevenlabs.override_prompt, elevenlabs.override_voice" in words


def test_of_overrides_that_are_alike_the_refused_one_is_named() -> None:
    agent = Agent(spec(**OVERRIDES, stability=0.5, llm="gpt-5.5"))
    agent.connect()
    message = "Override for field 'agent.prompt.llm' is not allowed."
    words, _ = ending(agent.event("error", error_type="override_error", message=message))
    assert "switch off elevenlabs.llm:" in words


def test_a_missing_variable_says_where_its_value_goes() -> None:
    agent = Agent()
    agent.connect()
    outputs = agent.event("error", error_type="missing_dynamic_variable", message="needs name")
    words, kind = ending(outputs)
    assert "elevenlabs.dynamic_variables" in words
    assert "needs name" in words
    assert kind is ErrorKind.PROTOCOL


@pytest.mark.parametrize(
    ("kind", "message", "means"),
    [
        ("missing_dynamic_variable", "name", ErrorKind.PROTOCOL),
        ("max_duration_exceeded", "", ErrorKind.SERVICE),
        ("websocket_disconnect", "", ErrorKind.SERVICE),
        ("quota_exceeded", "", ErrorKind.QUOTA),
        ("", "Invalid API key", ErrorKind.KEY),
        ("other", "your quota_exceeded its limit", ErrorKind.QUOTA),
    ],
)
def test_some_errors_end_the_session(kind: str, message: str, means: ErrorKind) -> None:
    agent = Agent().ready()
    outputs = agent.event("error", code=1008, error_type=kind, message=message)
    assert ending(outputs)[1] is means
    assert agent.audio() == []


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("invalid_message", ErrorKind.PROTOCOL),
        ("missing_fields", ErrorKind.PROTOCOL),
        ("llm_timeout", ErrorKind.SERVICE),
        ("safety_violation", ErrorKind.SERVICE),
        ("something_new", ErrorKind.SERVICE),
    ],
)
def test_after_others_it_goes_on(kind: str, means: ErrorKind) -> None:
    agent = Agent().ready()
    (trouble,) = events(agent.event("error", code=1011, error_type=kind, message="oh"))
    assert isinstance(trouble, ServiceTrouble)
    assert (trouble.kind, trouble.fatal) == (means, False)
    agent.asked()


def test_in_the_hand_shake_every_error_ends_it() -> None:
    agent = Agent()
    agent.connect()
    outputs = agent.event("error", code=1008, error_type="invalid_message")
    assert ending(outputs)[1] is ErrorKind.PROTOCOL


def test_an_answer_that_will_not_come_is_told_as_failed() -> None:
    agent = Agent().ready().asked()
    outputs = agent.event("error", code=1011, error_type="llm_timeout", message="too slow")
    assert told(outputs) == ["ServiceTrouble", "start reply_1", "done reply_1 failed"]
    assert told(agent.audio()) == []


def test_an_answer_that_breaks_off_is_told_as_failed() -> None:
    agent = Agent().ready().answering()
    outputs = agent.event("error", code=1011, error_type="llm_timeout", message="too slow")
    assert told(outputs) == ["ServiceTrouble", "done reply_1 failed"]
    (done,) = [e for e in events(outputs) if isinstance(e, ReplyDone)]
    assert "too slow" in done.detail


def test_an_agent_that_hangs_up_has_said_all_and_ends_in_good_order() -> None:
    agent = Agent().ready().answering()
    outputs = agent.take(agent.codec.closed(1000, "", agent.now))
    assert told(outputs) == ["done reply_1 completed"]
    assert ending(outputs) == ("the agent ended the conversation", None)


@pytest.mark.parametrize("taken", [False, True])
def test_an_agent_that_hangs_up_on_a_turn_leaves_it_unanswered(taken: bool) -> None:
    agent = Agent().ready()
    agent.says()
    if taken:
        agent.heard()
    assert ending(agent.codec.closed(1000, "", agent.now))[1] is ErrorKind.SERVICE


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1000, "Quota exceeded", ErrorKind.QUOTA),
        (1002, "This request exceeds your quota limit.", ErrorKind.QUOTA),
        (1006, "", ErrorKind.NETWORK),
        (1008, "unauthorized", ErrorKind.KEY),
        (1008, "", ErrorKind.PROTOCOL),
        (1011, "", ErrorKind.SERVICE),
        (3000, "", ErrorKind.KEY),
    ],
)
def test_closings_tell_why(code: int, reason: str, kind: ErrorKind) -> None:
    agent = Agent().ready()
    outputs = agent.codec.closed(code, reason, agent.now)
    assert ending(outputs)[1] is kind


def test_an_error_told_before_explains_the_closing() -> None:
    agent = Agent().ready()
    agent.event("error", code=1008, error_type="safety_violation", message="not that")
    words, kind = ending(agent.codec.closed(1008, "", agent.now))
    assert "not that" in words
    assert kind is ErrorKind.SERVICE


def test_a_private_agent_that_is_taken_for_public_says_what_to_set() -> None:
    agent = Agent()
    agent.take(agent.codec.start(agent.now))
    words, kind = ending(agent.codec.refused(403, b"", agent.now))
    assert "elevenlabs.signed" in words
    assert kind is ErrorKind.KEY


def test_no_text_shows_the_key() -> None:
    agent = Agent(spec(signed=True, key=KEY))
    agent.take(agent.codec.start(agent.now))
    body = json.dumps({"error": {"message": f"bad {KEY}"}}).encode()
    agent.take(agent.codec.http_answered("signed", 401, body, agent.now))
    assert KEY not in repr(agent.outputs)
    assert ending(agent.outputs)[1] is ErrorKind.KEY


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        "[]",
        "{}",
        '{"type": 7}',
        '{"type": "audio"}',
        '{"type": "audio", "audio_event": {"event_id": 1}}',
        '{"type": "audio", "audio_event": {"audio_base_64": "a", "event_id": 1}}',
        '{"type": "ping", "ping_event": {"event_id": "x"}}',
    ],
)
def test_a_message_that_is_none_is_told_and_the_session_goes_on(data: str | bytes) -> None:
    agent = Agent().ready()
    assert told(agent.raw(data)) == ["ServiceTrouble"]
    agent.asked()


def test_a_hundred_of_them_end_it() -> None:
    agent = Agent().ready()
    for _ in range(100):
        agent.raw("{}")
    assert ending(agent.outputs)[1] is ErrorKind.PROTOCOL


def test_messages_of_no_use_are_passed_over_and_unknown_ones_noted_once() -> None:
    agent = Agent().ready()
    for kind in ("vad_score", "agent_tool_request", "internal_tentative", "context_usage"):
        assert agent.raw(json.dumps({"type": kind})) == []
    outputs = [*agent.raw('{"type": "brand_new"}'), *agent.raw('{"type": "brand_new"}')]
    assert len(notes(outputs)) == 1


def test_leaving_needs_no_farewell() -> None:
    agent = Agent().ready()
    assert agent.codec.finish("bye", agent.now) == [Disconnect("bye")]
    assert agent.codec.deadline is None
    assert agent.says() == []
