"""The hand-shake with an ElevenLabs agent: addresses, overrides, formats."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from device.events import ErrorKind, LinkOpened, SessionOpening
from device.providers.base import Connect, Emit, HttpRequest, Output, Said
from device.providers.elevenlabs import SERVICE, ElevenLabs
from device.settings_services import ElevenLabsSettings
from tests.providers.driver import ending, events, notes
from tests.providers.elevenlabs_driver import KEY, URL, Agent, frames, kinds, spec

SIGNED = f"{URL}?agent_id=agent_1&conversation_signature=cvtkn_0123456789abcdef"


def start(**options: object) -> list[Output]:
    return ElevenLabs(spec(**options)).start(100.0)


def signing(**options: object) -> tuple[ElevenLabs, list[Output]]:
    codec = ElevenLabs(spec(signed=True, key=KEY, **options))
    return codec, codec.start(100.0)


def test_where_a_pause_is_taken_for_the_end_of_a_reply_the_core_knows_it() -> None:
    assert not SERVICE.able.tells_ends


def test_a_public_agent_is_connected_to_without_a_key() -> None:
    assert not SERVICE.keyed
    assert start() == [Connect(f"{URL}?agent_id=agent_1")]
    assert start(key=KEY) == [Connect(f"{URL}?agent_id=agent_1")]  # nor is one shown to it


def test_the_agents_environment_goes_into_the_address() -> None:
    assert start(environment="staging & more") == [
        Connect(f"{URL}?agent_id=agent_1&environment=staging+%26+more")
    ]


def test_an_address_without_a_path_gets_the_services_own() -> None:
    (connect,) = start(url="ws://127.0.0.1:8000")
    assert connect == Connect("ws://127.0.0.1:8000/v1/convai/conversation?agent_id=agent_1")


def test_the_agent_may_be_named_in_the_address_or_as_the_model() -> None:
    assert start(url=f"{URL}?agent_id=other", agent_id="") == [Connect(f"{URL}?agent_id=other")]
    assert start(model="third", agent_id="") == [Connect(f"{URL}?agent_id=third")]


def test_without_an_agent_nothing_is_connected_to() -> None:
    words, kind = ending(start(agent_id=""))
    assert "elevenlabs.agent_id" in words
    assert kind is ErrorKind.PROTOCOL


def test_a_private_agents_address_is_asked_for_with_the_key() -> None:
    codec, outputs = signing()
    (request,) = outputs
    assert request == HttpRequest(
        "signed",
        "GET",
        "https://api.example.org/v1/convai/conversation/get-signed-url?agent_id=agent_1",
        {"xi-api-key": KEY},
    )
    body = json.dumps({"signed_url": SIGNED}).encode()
    told = Emit(SessionOpening(4.0))
    assert codec.http_answered("signed", 200, body, 100.1) == [told, Connect(SIGNED)]


def test_a_private_agent_without_a_key_says_so() -> None:
    words, kind = ending(start(signed=True))
    assert "wants a key" in words
    assert kind is ErrorKind.KEY


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"signed_url": 7}', b'{"signed_url": "https://elsewhere.example"}'],
)
def test_an_answer_without_a_signed_address_ends_the_attempt(body: bytes) -> None:
    codec, _ = signing()
    assert ending(codec.http_answered("signed", 200, body, 100.1))[1] is ErrorKind.PROTOCOL


def test_what_was_asked_for_securely_is_not_used_insecurely() -> None:
    codec, _ = signing()
    body = json.dumps({"signed_url": SIGNED.replace("wss:", "ws:")}).encode()
    assert ending(codec.http_answered("signed", 200, body, 100.1))[1] is ErrorKind.PROTOCOL


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ErrorKind.KEY),
        (402, ErrorKind.QUOTA),
        (404, ErrorKind.PROTOCOL),
        (429, ErrorKind.QUOTA),
        (503, ErrorKind.SERVICE),
    ],
)
def test_a_refused_signature_tells_why(status: int, kind: ErrorKind) -> None:
    codec, _ = signing()
    assert ending(codec.http_answered("signed", status, b"{}", 100.1))[1] is kind


def test_an_address_that_is_signed_is_used_as_it_is() -> None:
    assert start(url=SIGNED) == [Connect(SIGNED)]
    assert start(url=SIGNED, signed=True, agent_id="other") == [Connect(SIGNED)]


@pytest.mark.parametrize("by", ["request", "url"])
def test_a_signature_appears_in_no_text(by: str) -> None:
    if by == "url":
        codec = ElevenLabs(spec(url=SIGNED))
        outputs = codec.start(100.0)
    else:
        codec, outputs = signing()
        body = json.dumps({"signed_url": SIGNED}).encode()
        outputs += codec.http_answered("signed", 200, body, 100.1)
    outputs += codec.opened(100.2)
    secret = SIGNED.rpartition("=")[2]
    words = f"no {secret} at {SIGNED} for {KEY}"
    error = {"type": "error", "error_event": {"code": 1008, "error_type": words, "message": words}}
    outputs += codec.received(json.dumps(error), 100.3)
    shown = repr(outputs)
    assert secret not in shown
    assert by != "request" or KEY not in shown
    assert "[key]" in ending(outputs)[0]


def test_another_secret_in_the_address_does_not_either_but_the_agent_does() -> None:
    url = f"{URL}?agent_id=agent_0123456789abcdef&token=s3cr3t-0123456789"
    codec = ElevenLabs(spec(url=url, agent_id=""))
    codec.start(100.0)
    words, _ = ending(codec.closed(1008, "agent_0123456789abcdef: bad s3cr3t-0123456789", 100.2))
    assert words.endswith("agent_0123456789abcdef: bad [key]")


@pytest.mark.parametrize("shown", ["cv%2F0123456789abcdef%3D", "cv/0123456789abcdef="])
def test_a_signature_appears_in_no_text_however_it_is_written(shown: str) -> None:
    url = f"{URL}?agent_id=agent_1&conversation_signature=cv%2F0123456789abcdef%3D"
    codec = ElevenLabs(spec(url=url))
    codec.start(100.0)
    words, _ = ending(codec.closed(1008, f"{shown} has expired", 100.2))
    assert shown not in words
    assert "[key] has expired" in words


def test_a_signed_address_that_is_not_good_any_more_is_told_as_such() -> None:
    codec = ElevenLabs(spec(url=SIGNED))
    codec.start(100.0)
    codec.opened(100.1)
    reason = "The AI agent you are trying to reach requires authentication."
    words, kind = ending(codec.closed(3000, reason, 100.2))
    assert "15 minutes" in words
    assert "elevenlabs.signed" not in words
    assert kind is ErrorKind.KEY


def test_a_quota_that_is_used_up_is_no_wrong_key() -> None:
    codec, _ = signing()
    detail = {"status": "quota_exceeded", "message": "This request exceeds your quota."}
    body = json.dumps({"detail": detail}).encode()
    words, kind = ending(codec.http_answered("signed", 401, body, 100.1))
    assert "exceeds your quota" in words
    assert kind is ErrorKind.QUOTA


def test_nothing_is_overridden_that_the_owner_did_not_ask_for() -> None:
    agent = Agent(spec(instructions="Be brief.", voice="v1", language="de"))
    assert frames(agent.connect()) == [{"type": "conversation_initiation_client_data"}]


def test_each_override_is_sent_when_it_is_on() -> None:
    wanted = spec(
        instructions="Be brief.",
        voice="v1",
        language="de-AT",
        override_prompt=True,
        override_voice=True,
        override_language=True,
        override_first_message=True,
        user_id="kitchen",
    )
    (frame,) = frames(Agent(wanted).connect())
    assert frame == {
        "type": "conversation_initiation_client_data",
        "conversation_config_override": {
            "agent": {"prompt": {"prompt": "Be brief."}, "first_message": "", "language": "de"},
            "tts": {"voice_id": "v1"},
        },
        "user_id": "kitchen",
    }


def test_the_rest_of_what_can_be_overridden_is_sent_where_it_is_set() -> None:
    wanted = spec(
        llm="gpt-5.5",
        keywords=("Parlor",),
        stability=0.0,
        similarity_boost=0.5,
        speed=1.1,
        override_events=True,
    )
    (frame,) = frames(Agent(wanted).connect())
    config = frame["conversation_config_override"]
    assert config["agent"] == {"prompt": {"llm": "gpt-5.5"}}
    assert config["asr"] == {"keywords": ["Parlor"]}
    assert config["tts"] == {"stability": 0.0, "similarity_boost": 0.5, "speed": 1.1}
    assert {"audio", "interruption", "agent_tool_response"} < {
        *config["conversation"]["client_events"]
    }


def test_with_the_settings_as_they_are_nothing_is_overridden() -> None:
    agent = Agent(spec(**asdict(ElevenLabsSettings(agent_id="agent_1"))))
    assert frames(agent.connect()) == [{"type": "conversation_initiation_client_data"}]


def test_the_variables_of_a_prompt_get_their_values() -> None:
    agent = Agent(spec(dynamic_variables=("room: kitchen", "motto: so: it goes", "nothing")))
    (frame,) = frames(agent.connect())
    assert frame["dynamic_variables"] == {"room": "kitchen", "motto": "so: it goes"}
    (note,) = notes(agent.outputs)
    assert "elevenlabs.dynamic_variables" in note


HISTORY = (Said("user", "I am Ada."), Said("assistant", "Hello Ada."))


def test_what_was_said_before_is_told_as_context() -> None:
    agent = Agent(spec(history=HISTORY))
    agent.connect()
    outputs = agent.metadata()
    (frame,) = frames(outputs)
    assert frame["type"] == "contextual_update"
    assert frame["text"].splitlines()[1:] == ["User: I am Ada.", "You: Hello Ada."]
    assert events(outputs) == [LinkOpened("conv_1")]


def test_what_was_said_before_is_part_of_a_prompt_that_is_overridden() -> None:
    agent = Agent(spec(history=HISTORY, instructions="Be brief.", override_prompt=True))
    (frame,) = frames(agent.connect())
    prompt = frame["conversation_config_override"]["agent"]["prompt"]["prompt"]
    assert prompt.startswith("Be brief.\n\n")
    assert prompt.endswith("You: Hello Ada.")
    assert frames(agent.metadata()) == []


@pytest.mark.parametrize(
    ("up", "down", "rates"),
    [
        ("pcm_16000", "pcm_24000", (16000, 24000)),
        ("ulaw_8000", "ulaw_8000", (8000, 8000)),
        ("pcm_8000", "pcm_48000", (8000, 48000)),
        ("pcm_22050", "pcm_44100", (22050, 44100)),
    ],
)
def test_the_agents_formats_are_those_of_the_session(
    up: str, down: str, rates: tuple[int, int]
) -> None:
    agent = Agent().ready(up, down)
    able = agent.codec.capabilities
    assert (able.uplink_rate_hz, able.downlink_rate_hz) == rates


def test_a_format_that_nobody_here_speaks_ends_the_attempt_in_words() -> None:
    agent = Agent()
    agent.connect()
    words, kind = ending(agent.metadata("opus_48000"))
    assert "opus_48000" in words
    assert "pcm_24000" in words
    assert kind is ErrorKind.PROTOCOL


def test_formats_that_are_not_told_are_those_of_the_services_own_client() -> None:
    agent = Agent()
    agent.connect()
    agent.event("conversation_initiation_metadata", conversation_id="conv_1")
    assert agent.codec.capabilities.uplink_rate_hz == 16000


def test_a_ping_is_answered_at_once_in_the_hand_shake_and_after() -> None:
    agent = Agent()
    agent.connect()
    assert frames(agent.event("ping", event_id=3)) == [{"type": "pong", "event_id": 3}]
    agent.metadata()
    assert frames(agent.event("ping", event_id=4, ping_ms=None)) == [
        {"type": "pong", "event_id": 4}
    ]


def test_a_session_that_is_not_acknowledged_ends() -> None:
    agent = Agent()
    agent.connect()
    agent.now += 9
    assert ending(agent.codec.timeout(agent.now))[1] is ErrorKind.NETWORK
    assert kinds(agent.outputs) == ["conversation_initiation_client_data"]
