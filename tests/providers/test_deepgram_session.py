"""The Deepgram session: hand-shake, settings, life and end."""

from __future__ import annotations

import json

import pytest

from device.commands import AppendAudio, CancelReply, CommitTurn, RequestReply, TruncateReply
from device.events import ErrorKind, LinkOpened, ReplyDone, ServiceTrouble
from device.providers.base import Connect, Disconnect, Note, Said, SendFrame, ToolSpec
from device.providers.deepgram import SERVICE
from tests.providers.deepgram_driver import (
    AUDIO,
    KEY,
    PCM,
    Driver,
    device_ends,
    events,
    kinds,
    names,
    sent,
    service_ends,
    sound,
)

TOOL = ToolSpec("set_timer", "Sets a timer.", {"type": "object", "properties": {}})


def settings_of(**spec: object) -> dict[str, object]:
    driver = Driver(**spec)
    driver.codec.start(100.0)
    driver.codec.opened(100.0)
    (frame,) = sent(driver.says("Welcome", request_id="r"))
    return frame


def test_the_key_goes_as_a_token_and_a_short_lived_one_as_a_bearer() -> None:
    (connect,) = Driver().codec.start(0.0)
    assert isinstance(connect, Connect)
    assert connect.headers == {"Authorization": f"Token {KEY}"}
    (connect,) = Driver(key="eyJhbGciOi").codec.start(0.0)
    assert isinstance(connect, Connect)
    assert connect.headers == {"Authorization": "Bearer eyJhbGciOi"}


def test_an_address_without_a_path_gets_the_services() -> None:
    (connect,) = Driver(url="ws://127.0.0.1:8000").codec.start(0.0)
    assert isinstance(connect, Connect)
    assert connect.url == "ws://127.0.0.1:8000/v1/agent/converse"
    (connect,) = Driver(url="wss://eu.example.org/v2/x").codec.start(0.0)
    assert isinstance(connect, Connect)
    assert connect.url == "wss://eu.example.org/v2/x"


def test_nothing_is_sent_before_welcome_and_no_sound_before_the_settings_are_applied() -> None:
    driver = Driver()
    driver.codec.start(100.0)
    assert driver.codec.opened(100.0) == []
    assert driver.does(AUDIO) == []
    assert kinds(driver.says("Welcome", request_id="req_1")) == ["Settings"]
    opened, audio = driver.says("SettingsApplied")
    assert events([opened]) == [LinkOpened("req_1")]
    assert sound([audio]) == PCM


def test_settings_applied_before_they_were_sent_opens_nothing() -> None:
    driver = Driver()
    driver.codec.start(100.0)
    driver.codec.opened(100.0)
    assert driver.says("SettingsApplied") == []
    driver.says("Welcome")
    assert names(driver.says("SettingsApplied")) == ["LinkOpened"]
    assert driver.says("SettingsApplied") == []
    assert driver.says("Welcome") == []


def test_a_hand_shake_that_stops_ends_by_whether_anything_came() -> None:
    silent = Driver()
    silent.codec.start(100.0)
    silent.codec.opened(100.0)
    (end,) = silent.waits(8.0)
    assert isinstance(end, Disconnect)
    assert end.kind is ErrorKind.NETWORK
    half = Driver()
    half.codec.start(100.0)
    half.codec.opened(100.0)
    half.says("Welcome")
    (end,) = half.waits(8.0)
    assert isinstance(end, Disconnect)
    assert end.kind is ErrorKind.PROTOCOL


def test_the_settings_say_who_listens_thinks_and_speaks() -> None:
    frame = settings_of(
        instructions="Be brief.",
        tools=[TOOL],
        voice="aura-2-zeus-en",
        options={"temperature": 0.5, "keyterms": ("parlor",), "mip_opt_out": True},
    )
    assert frame == {
        "type": "Settings",
        "mip_opt_out": True,
        "flags": {"history": False},
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": 24000},
            "output": {"encoding": "linear16", "sample_rate": 24000, "container": "none"},
        },
        "agent": {
            "listen": {
                "provider": {
                    "type": "deepgram",
                    "version": "v1",
                    "model": "nova-3",
                    "language": "en",
                    "keyterms": ["parlor"],
                }
            },
            "think": {
                "provider": {"type": "open_ai", "model": "gpt-4o-mini", "temperature": 0.5},
                "prompt": "Be brief.",
                "functions": [
                    {
                        "name": "set_timer",
                        "description": "Sets a timer.",
                        "parameters": {"type": "object", "properties": {}},
                    }
                ],
            },
            "speak": {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}},
        },
    }


def test_a_flux_recogniser_is_the_second_version_and_only_the_multilingual_gets_hints() -> None:
    one = settings_of(language="de", options={"listen_model": "flux-general-en"})
    many = settings_of(language="de", options={"listen_model": "flux-general-multi"})
    provider = {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
    assert one["agent"]["listen"] == {"provider": provider}  # type: ignore[index]
    hinted = {**provider, "model": "flux-general-multi", "language_hints": ["de"]}
    assert many["agent"]["listen"] == {"provider": hinted}  # type: ignore[index]


def test_what_was_said_before_is_told_to_a_new_session() -> None:
    frame = settings_of(history=[Said("user", "My name is Ada."), Said("assistant", "Hello Ada.")])
    assert frame["agent"]["context"] == {  # type: ignore[index]
        "messages": [
            {"type": "History", "role": "user", "content": "My name is Ada."},
            {"type": "History", "role": "assistant", "content": "Hello Ada."},
        ]
    }


def test_a_stored_agent_is_named_and_says_that_it_cannot_be_told_the_past() -> None:
    driver = Driver(options={"agent": "abc"}, history=[Said("user", "hello")])
    driver.codec.start(100.0)
    driver.codec.opened(100.0)
    outputs = driver.says("Welcome")
    assert sent(outputs)[0]["agent"] == "abc"
    assert any(isinstance(o, Note) for o in outputs)


def test_it_is_kept_alive_every_eight_seconds_only_while_no_sound_is_sent() -> None:
    driver = device_ends()
    assert kinds(driver.waits(25.0)) == ["KeepAlive"] * 3
    for _ in range(200):
        assert kinds(driver.waits(0.1)) == []
        driver.does(AUDIO)
    assert kinds(driver.waits(7.9)) == []
    assert kinds(driver.waits(0.1)) == ["KeepAlive"]


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("INSUFFICIENT_PERMISSIONS", "no", ErrorKind.KEY),
        ("INVALID_AUTH", "no such credentials", ErrorKind.KEY),
        ("", "Invalid API key", ErrorKind.KEY),
        ("PAYMENT_REQUIRED", "balance", ErrorKind.QUOTA),
        ("TOO_MANY_REQUESTS", "slow down", ErrorKind.QUOTA),
        ("INSUFFICIENT_CREDITS", "out of credits", ErrorKind.QUOTA),
        ("FAILED_TO_THINK", "the model is overloaded", ErrorKind.SERVICE),
        ("INVALID_SETTINGS", "unknown field", ErrorKind.PROTOCOL),
        ("WHAT", "ever", ErrorKind.SERVICE),
    ],
)
def test_any_error_ends_the_session_by_its_words(code: str, words: str, kind: ErrorKind) -> None:
    driver = device_ends()
    (end,) = driver.says("Error", code=code, description=words)
    assert isinstance(end, Disconnect)
    assert end.kind is kind
    assert driver.says("Error", code=code, description=words) == []
    assert driver.does(AUDIO, CommitTurn()) == []


def test_an_error_in_the_hand_shake_ends_it_too() -> None:
    driver = Driver()
    driver.codec.start(100.0)
    driver.codec.opened(100.0)
    (end,) = driver.says("Error", code="INVALID_SETTINGS", description="no such model")
    assert isinstance(end, Disconnect)
    assert end.kind is ErrorKind.PROTOCOL


def test_no_text_of_the_service_carries_the_key_out() -> None:
    driver = device_ends()
    outputs = driver.says("Warning", code="W", description=f"beware of {KEY}")
    outputs += driver.says("InjectionRefused", message=KEY)
    outputs += driver.says("Error", code="E", description=f"bad key {KEY}")
    assert KEY not in repr(outputs)
    assert "beware of [key] [W]" in repr(outputs)


def test_what_cannot_be_read_is_told_once_and_what_is_unknown_noted_once() -> None:
    driver = device_ends()
    (trouble,) = events(driver.raw("{"))
    assert isinstance(trouble, ServiceTrouble)
    assert driver.raw("[]") == []
    assert driver.raw('{"type": 7}') == []
    assert [type(o) for o in driver.says("Something")] == [Note]
    assert driver.says("Something") == []
    assert driver.says("History", role="user", content="x") == []


def test_it_ends_in_an_orderly_way_without_a_farewell() -> None:
    driver = device_ends()
    assert driver.codec.finish("idle", driver.now) == [Disconnect("idle", None)]


def test_what_was_heard_cannot_be_told_and_that_is_noted_once() -> None:
    driver = device_ends()
    assert [type(o) for o in driver.does(TruncateReply("reply_1", 10))] == [Note]
    assert driver.does(TruncateReply("reply_1", 10)) == []


def test_a_phrase_is_said_word_for_word_and_is_a_reply() -> None:
    driver = device_ends()
    order = RequestReply("Say exactly this.", words="Are you still there?")
    assert sent(driver.does(order)) == [
        {"type": "InjectAgentMessage", "message": "Are you still there?"}
    ]
    assert names(driver.answers("Are you still there?")) == [
        "ReplyStarted",
        "ReplyTranscript",
        "ReplyAudio",
    ]
    assert names(driver.done()) == ["ReplyTranscript", "ReplyDone"]


def test_quotation_marks_in_a_phrase_are_said_and_an_order_is_not() -> None:
    driver = device_ends()
    (frame,) = sent(driver.does(RequestReply("Say it.", words='Say "yes" or "no".')))
    assert frame["message"] == 'Say "yes" or "no".'
    assert [type(o) for o in driver.does(RequestReply('Say exactly this: "Hello."'))] == [Note]
    assert [type(o) for o in driver.does(RequestReply("", words=" "))] == [Note]


def test_a_phrase_that_is_refused_is_a_reply_that_failed() -> None:
    driver = device_ends()
    driver.does(RequestReply(words="Hello."))
    _started, done = events(driver.says("InjectionRefused", message="the user speaks"))
    assert done == ReplyDone("reply_1", "failed", "the user speaks")
    assert [type(o) for o in driver.says("InjectionRefused", message="again")] == [Note]


def test_a_phrase_interrupts_a_reply_that_nobody_hears_and_begins_with_its_own_words() -> None:
    driver = device_ends()
    driver.does(CancelReply(driver.reply_under_way()))
    (frame,) = sent(driver.does(RequestReply(words="Good bye.")))
    assert frame["behavior"] == "interrupt"
    assert driver.raw(PCM) == []
    assert names(driver.answers("Good bye."))[-1] == "ReplyAudio"


def test_the_registry_entry_says_where_and_how() -> None:
    assert SERVICE.url.startswith("wss://agent.deepgram.com/")
    assert SERVICE.able.session_cap_s == 7200
    assert SERVICE.able.says_on_request
    assert not SERVICE.able.truncates


def test_silence_follows_a_turn_that_the_service_is_to_end_and_stops_when_it_has() -> None:
    driver = service_ends()
    driver.does(AUDIO)
    silence = sound(driver.waits(1.0))
    assert set(silence) == {0}
    assert 1.6 * 24000 <= len(silence) <= 2.1 * 24000
    driver.understood()
    assert driver.waits(7.0) == []


def test_silence_ends_by_itself_and_none_follows_where_the_device_ends_turns() -> None:
    driver = service_ends()
    driver.does(AppendAudio(PCM))
    driver.waits(30.0)
    assert sound(driver.waits(5.0)) == b""
    driver = device_ends()
    driver.does(AppendAudio(PCM))
    assert driver.waits(5.0) == []


def test_every_frame_of_ours_is_json_or_sound() -> None:
    driver = device_ends()
    driver.turn()
    for output in driver.outputs:
        if isinstance(output, SendFrame) and isinstance(output.data, str):
            assert json.loads(output.data)["type"]
