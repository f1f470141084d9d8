"""An agent over Wiro's web channel: from its start to its end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply, ClearInput
from device.events import ErrorKind, LinkOpened, ServiceTrouble, SessionOpening
from device.providers.base import AskFence, Connect, HttpRequest
from tests.providers.wiro_driver import (
    KEY,
    REPLY,
    SESSION,
    SESSION_TOKEN,
    WS_URL,
    Channel,
    chunks,
    emitted,
    ending,
    reply_id,
    sent_pcm,
    texts,
    told,
    tone,
)

INTERRUPT = {"type": "interrupt"}


def asked() -> Channel:
    channel = Channel().ready()
    channel.asks()
    return channel


def answering() -> tuple[Channel, str]:
    channel = asked()
    channel.understands("What is a newt?")
    channel.command(ClearInput())
    return channel, reply_id(channel.sounds())


# --- the session --------------------------------------------------------------------------


def test_an_agent_is_started_over_http_and_opened_with_its_token() -> None:
    channel = Channel()
    outputs = channel.starts()
    (request,) = [o for o in channel.outputs if isinstance(o, HttpRequest)]
    assert request.url == "https://api.wiro.ai/v1/UserAgent/Realtime/WebStart"
    assert request.headers["x-api-key"] == KEY
    assert json.loads(request.body)["useragentguid"] == "guid-0001"
    assert [o.url for o in outputs if isinstance(o, Connect)] == [WS_URL]
    assert texts(outputs) == [{"type": "session_start", "sessionToken": SESSION_TOKEN}]
    assert emitted(channel.says("connecting")) == [SessionOpening(15.0)]
    assert emitted(channel.says("ready")) == [LinkOpened(SESSION)]


def test_without_an_agent_there_is_no_session() -> None:
    channel = Channel(options={"agent": ""})
    assert ending(channel.codec.start(1.0)).kind is ErrorKind.PROTOCOL


@pytest.mark.parametrize(
    "changed",
    [
        {"sessionId": ""},
        {"sessionToken": 7.5},
        {"wsUrl": ""},
        {"wsUrl": "https://socket.wiro.ai"},
        {"wsUrl": "ws://socket.wiro.ai/plain"},
        {"wsUrl": "wss://[half"},
    ],
)
def test_an_answer_that_lacks_something_ends_the_attempt(changed: dict[str, Any]) -> None:
    assert ending(Channel().starts(**changed)).kind is ErrorKind.PROTOCOL


def test_errors_of_the_start_are_told_apart() -> None:
    errors = [{"code": 97, "message": "balance"}]
    assert ending(Channel().starts(result=False, errors=errors)).kind is ErrorKind.QUOTA


def test_it_is_waited_for_as_long_as_wiro_announces_and_a_little_more() -> None:
    channel = Channel()
    channel.starts(estimatedReadyMs=20_000)
    assert channel.wait(49.0) == []
    channel.says("connecting")
    assert channel.wait(49.0) == []
    assert ending(channel.wait(2.0)).kind is ErrorKind.PROTOCOL


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("wiro_completed", ErrorKind.SERVICE),
        ("wiro_error", ErrorKind.SERVICE),
        ("start_error", ErrorKind.SERVICE),
        ("max_duration", ErrorKind.SERVICE),
        ("concurrent_limit", ErrorKind.SERVICE),
        ("browser_disconnect", ErrorKind.NETWORK),
        ("rejected", ErrorKind.PROTOCOL),
        ("something new", ErrorKind.SERVICE),
        (7, ErrorKind.SERVICE),
    ],
)
@pytest.mark.parametrize("opened", [False, True])
def test_the_end_of_a_session_has_its_reason(reason: Any, kind: ErrorKind, opened: bool) -> None:
    channel = Channel()
    channel.starts()
    if opened:
        channel.says("ready")
    end = ending(channel.says("session_end", reason=reason, message=f"bad {SESSION_TOKEN}"))
    assert end.kind is kind
    assert end.reason.endswith(": bad [key]")


def test_the_farewell_waits_for_the_end_of_the_session() -> None:
    channel = Channel().ready()
    outputs = channel.take(channel.codec.finish("goodnight", channel.now))
    assert texts(outputs) == [{"type": "end"}]
    assert channel.sounds() == []
    assert ending(channel.says("session_end", reason="wiro_completed")).kind is None
    closing = Channel().ready()
    closing.codec.finish("goodnight", closing.now)
    assert ending(closing.codec.closed(1000, "", closing.now)).kind is None


def test_an_error_in_an_open_session_ends_nothing() -> None:
    channel = Channel().ready()
    (trouble,) = emitted(channel.says("error", message=f"odd {SESSION_TOKEN}"))
    assert isinstance(trouble, ServiceTrouble)
    assert "odd [key]" in trouble.detail


def test_neither_tokens_nor_the_address_appear_in_a_text_that_may_be_shown() -> None:
    channel = Channel().ready()
    for secret in (SESSION_TOKEN, WS_URL, "ticket0123", KEY):
        channel.says(f"unknown {secret}")
        channel.says("error", message=f"bad {secret}")
        channel.says("error", error=f"bad {secret}")
    channel.says("session_end", reason=f"odd {WS_URL}", error=f"bad {SESSION_TOKEN}")
    shown = "\n".join(repr(output) for output in channel.outputs) + repr(channel.codec)
    for secret in (SESSION_TOKEN, WS_URL, "ticket0123", KEY):
        assert secret not in shown


def test_a_secret_of_the_address_is_hidden_as_it_is_written_and_as_it_is_meant() -> None:
    channel = Channel()
    channel.starts(wsUrl="wss://socket.wiro.ai/v1/AgentRealtime/Web?t=ab%2Bcdefghij%3D&u=x%2Fyzzy")
    for secret in ("ab%2Bcdefghij%3D", "ab+cdefghij=", "x%2Fyzzy"):
        end = channel.says("error", message=f"bad ticket {secret}")
        assert "bad ticket [key]" in repr(end) and secret not in repr(end)


# --- the conversation ----------------------------------------------------------------------


def test_a_spoken_turn_with_both_transcripts() -> None:
    channel = asked()
    assert sent_pcm(channel.outputs, SESSION).startswith(tone(1.0))
    assert told(channel.understands("What is a newt?")) == ["turn", "user: What is a newt?"]
    assert told(channel.sounds()) == ["reply", "sound"]
    assert told(channel.words("An amphibian.")) == ["saying: An amphibian."]
    assert told(channel.sounds()) == ["sound"]
    assert told(channel.wait(2.0)) == ["says: An amphibian.", "completed"]


def test_a_reply_ends_a_while_after_all_of_it_can_have_sounded() -> None:
    channel = asked()
    for _ in range(10):
        channel.sounds(REPLY * 10)  # ten seconds, at once
    assert told(channel.wait(11.4)) == []
    assert told(channel.sounds()) == ["sound"]
    assert told(channel.wait(1.5)) == []
    assert told(channel.wait(0.2)) == ["completed"]


def test_an_answer_in_two_parts_is_told_in_two_and_the_core_knows_that_it_may_be() -> None:
    channel, _ = answering()
    channel.words("One moment.")
    assert told(channel.wait(3.3)) == ["says: One moment.", "completed"]
    outputs = channel.sounds()
    assert told(outputs) == ["reply", "sound"]
    assert texts(outputs) == []
    assert told(channel.words("It will rain.")) == ["saying: It will rain."]
    assert not channel.codec.capabilities.tells_ends


def test_what_the_agent_says_first_is_a_reply_to_no_turn() -> None:
    channel = Channel().ready()
    channel.speaks(0.5, tone(0.5))
    assert told(channel.sounds()) == ["reply", "sound"]


def test_clear_breaks_the_reply_off_and_resume_begins_the_next() -> None:
    channel, _ = answering()
    assert told(channel.says("clear")) == ["interrupted", "cancelled"]
    assert told(channel.sounds() + channel.words("Still")) == []
    channel.asks()
    assert told(channel.understands("Stop it.")) == ["turn", "user: Stop it."]
    channel.says("resume")
    assert told(channel.sounds()) == ["reply", "sound"]


def test_without_resume_the_next_reply_is_heard_when_the_rest_has_stayed_away() -> None:
    channel, _ = answering()
    channel.says("clear")
    channel.wait(0.3)
    assert told(channel.sounds()) == []
    channel.asks()
    assert told(channel.sounds()) == ["turn", "reply", "sound"]


def test_clear_and_resume_mean_nothing_where_no_reply_is_under_way() -> None:
    channel = asked()
    assert channel.says("clear") == []
    assert channel.says("resume") == []
    assert told(channel.sounds()) == ["turn", "reply", "sound"]
    assert channel.says("resume") == []
    assert told(channel.sounds()) == ["sound"]


def test_a_cut_is_told_to_the_service_and_late_sound_is_not_heard() -> None:
    channel, reply = answering()
    outputs = channel.command(CancelReply(reply))
    assert told(outputs) == ["cancelled"]
    assert texts(outputs) == [INTERRUPT]
    assert [o for o in outputs if isinstance(o, AskFence)]
    assert told(channel.sounds()) == []
    assert told(channel.says("clear")) == []
    assert told(channel.sounds()) == []
    channel.asks()
    channel.says("resume")
    assert told(channel.sounds()) == ["turn", "reply", "sound"]


def test_a_cut_of_a_reply_that_has_all_come_does_not_swallow_the_next() -> None:
    channel = asked()
    reply = reply_id(channel.sounds(REPLY * 50))
    channel.wait(3.0)
    assert texts(channel.command(CancelReply(reply))) == [INTERRUPT]
    channel.asks()
    assert told(channel.sounds()) == ["turn", "reply", "sound"]


def test_what_comes_of_a_turn_that_was_given_up_is_swallowed() -> None:
    channel = asked()
    channel.command(AbandonTurn())
    channel.wait(0.5)
    assert told(channel.understands("What is a newt?")) == []
    outputs = channel.sounds()
    assert told(outputs) == [] and texts(outputs) == [INTERRUPT]
    channel.wait(0.2)
    channel.passes_fences()
    channel.asks()
    channel.understands("Stop it.")
    assert told(channel.sounds()) == ["reply", "sound"]


def test_no_role_but_those_that_are_known_is_heard() -> None:
    channel = asked()
    assert channel.says("transcript", role="tool", text="x") == []
    assert channel.says("transcript", role=7, text=[]) == []


def test_no_sound_is_sent_to_a_session_that_is_not_ready() -> None:
    channel = Channel()
    channel.starts()
    assert chunks(channel.speaks(0.4, tone(0.4))) == []
    assert sent_pcm(channel.says("ready"), SESSION) == tone(0.4)
