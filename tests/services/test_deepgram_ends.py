"""Deepgram's stand-in: what comes too early, silence, the longest session, failures, trouble."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from device.simulator.services.brain import Answer, ScriptedBrain, reply
from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Fault, Manner
from device.simulator.services.line import Trouble
from tests.services.deepgram_client import (
    PATIENCE_S,
    SPOKEN,
    Client,
    kind_of,
    kinds,
    run,
    settings,
    talking,
)

EARLY = "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"
UNPARSABLE = "UNPARSABLE_CLIENT_MESSAGE"
LONG = reply("This takes a while. A long while.", heard="tell me more", seconds=12.0)


# --- order ------------------------------------------------------------------------------


@pytest.mark.parametrize("early", ['{"type": "KeepAlive"}', b"\0\0"])
def test_before_the_settings_there_is_nothing_else(early: str | bytes) -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.expect("Welcome")
            await client.socket.send(early)
            assert await client.error() == EARLY

    run(act)


def test_nothing_may_be_sent_before_the_welcome() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.socket.send(json.dumps(settings()))
            assert await client.error() == EARLY

    run(act, manner=Manner(welcome_s=0.05))


def test_audio_between_the_settings_and_their_application_is_refused() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.expect("Welcome")
            await client.socket.send(json.dumps(settings()))
            await client.say(bytes(640))
            assert await client.error() == EARLY

    run(act)


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"type": 7}',
        '{"type": "response.create"}',
        '{"type": "KeepAlive", "at": 1}',
        '{"type": "UpdatePrompt"}',
        '{"type": "FunctionCallResponse", "id": "1", "content": "no name"}',
        '{"type": "InjectAgentMessage", "message": "x", "behavior": "shout"}',
        '{"type": "InjectAgentMessage", "is_dynamic": true}',
        '{"type": "UpdateThink_Live", "think_live": {"provider": {"type": "deepgram"}}}',
    ],
)
def test_a_message_that_the_protocol_does_not_know_ends_the_session(wrong: str) -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.socket.send(wrong)
            assert await client.error() == UNPARSABLE

    run(act)


# --- silence and time -------------------------------------------------------------------


def test_a_client_that_sends_neither_audio_nor_keep_alive_is_given_up() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            assert await client.error() == "CLIENT_MESSAGE_TIMEOUT"

    run(act, manner=Manner(quiet_s=0.1))


def test_keep_alives_keep_a_silent_session_and_are_needless_beside_audio() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            for _ in range(11):
                await client.send("KeepAlive")
                assert await client.quiet()
            await client.say(bytes(640))
            await client.send("KeepAlive")
            assert await client.quiet(0.25)
            await client.send("KeepAlive")
            await client.send("InjectUserMessage", content="still there?")
            await client.expect("AgentAudioDone")

    (session,) = run(act, manner=Manner(quiet_s=0.5, flowing_s=0.2)).sessions
    assert session.error is None
    assert session.counts["KeepAlive"] == 13
    assert session.counts["needless_keep_alive"] == 1


@pytest.mark.parametrize("code", [None, "SESSION_TOO_LONG"])
def test_the_longest_session_ends_even_in_the_middle_of_a_reply(code: str | None) -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            got = await client.to_the_end()
            assert "AgentAudioDone" not in kinds(got)
            assert (kinds(got)[-1] == "Error") is (code is not None)
            assert client.socket.close_code == (1000 if code is None else 1011)

    run(act, LONG, cap_s=0.3, manner=Manner(cap_error=code, speed=1.0))


def test_the_client_ends_the_session_by_closing_it() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            await client.until_audio()
            await client.socket.close()
            assert client.socket.close_code == 1000
        for _ in range(100):
            left = [t for t in asyncio.all_tasks() if "deepgram" in repr(t.get_coro())]
            if not left:
                break
            await asyncio.sleep(0.01)
        assert left == []

    assert run(act, LONG).sessions[0].error is None


# --- failures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "before"),
    [
        (Fault("FAILED_TO_START_LISTENING", at="settings"), []),
        (Fault("ASR_CONNECTION_CLOSED", at="turn"), ["UserStartedSpeaking"]),
        (Fault("INTERNAL_SERVER_ERROR", at="reply"), ["AgentThinking", "audio"]),
    ],
)
def test_the_service_fails_at_any_point(fault: Fault, before: list[str]) -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.expect("Welcome")
            await client.socket.send(json.dumps(settings()))
            if fault.at != "settings":
                await client.expect("SettingsApplied")
                await client.say()
            got = await client.to_the_end()
            assert set(before) <= set(kinds(got))
            assert isinstance(got[-1], dict)
            assert got[-1] == {"type": "Error", "code": fault.code, "description": "made to fail"}
            assert client.socket.close_code == 1011

    run(act, manner=Manner(fault=fault))


@pytest.mark.parametrize("at", ["settings", "turn", "reply"])
def test_a_warning_does_not_end_the_session(at: str) -> None:
    fault = Fault("SLOW", at=at, fatal=False)

    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            got = await client.until("AgentAudioDone")
            assert kinds(got).count("Warning") == 1

    run(act, manner=Manner(fault=fault))


def test_a_model_that_does_not_answer_is_warned_of_and_the_next_one_taken() -> None:
    def think(*models: str) -> list[dict[str, object]]:
        return [{"provider": {"type": "open_ai", "model": model}} for model in models]

    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(agent={"think": think("dead", "alive")})
            await client.say()
            got = await client.until("AgentAudioDone")
            assert [one["code"] for one in got if kind_of(one) == "Warning"] == [
                "THINK_REQUEST_FAILED"
            ]
        async with talking(service) as client:
            await client.ready(agent={"think": think("dead")})
            await client.say()
            assert await client.error() == "FAILED_TO_THINK"

    run(act, manner=Manner(dead_models=("dead",)))


def test_a_prompt_that_is_too_long_is_warned_of() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.send("UpdatePrompt", prompt="x" * 25_001)
            await client.expect("PromptUpdated")
            assert (await client.expect("Warning"))["code"] == "PROMPT_TOO_LONG"

    run(act)


def test_a_brain_that_breaks_is_the_services_own_error() -> None:
    class Broken(ScriptedBrain):
        async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
            raise RuntimeError("broken on purpose")

    async def act(service: DeepgramStandIn) -> None:
        service.brain = Broken
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with talking(service) as client:
            await client.ready()
            await client.say()
            assert await client.error() == "INTERNAL_SERVER_ERROR"

    run(act)


def test_a_slow_brain_can_be_interrupted() -> None:
    class Slow(ScriptedBrain):
        async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
            self.turns.append(pcm)
            if len(self.turns) == 1:
                await asyncio.Event().wait()
            return reply("Now.", heard="now")

    async def act(service: DeepgramStandIn) -> None:
        service.brain = Slow
        async with talking(service) as client:
            await client.ready()
            await client.say(SPOKEN)
            await client.expect("UserStartedSpeaking")
            await client.say(SPOKEN)
            assert (await client.expect("ConversationText"))["content"] == "now"

    run(act)


# --- trouble on the line ----------------------------------------------------------------


async def _turn(service: DeepgramStandIn) -> list[str]:
    """The types of everything that arrives in one turn, until nothing more does."""
    async with talking(service, ping_interval=None) as client:
        await client.ready(flags={"history": False})
        await client.say()
        return kinds(await client.until("AgentAudioDone"))


PLAIN = [
    "UserStartedSpeaking",
    "ConversationText",
    "AgentThinking",
    "ConversationText",
    "audio",
    "AgentAudioDone",
]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble(slow_s=0.002), PLAIN),
        (Trouble(swap_at=4), [*PLAIN[:1], *PLAIN[2:0:-1], *PLAIN[3:]]),
        (Trouble(twice_at=5), [*PLAIN[:3], PLAIN[2], *PLAIN[3:]]),
        (Trouble(unknown_at=4), [*PLAIN[:1], "parlor.unheard.of", *PLAIN[1:]]),
    ],
)
def test_messages_are_late_swapped_doubled_or_unheard_of(
    trouble: Trouble, expected: list[str]
) -> None:
    async def act(service: DeepgramStandIn) -> None:
        assert await _turn(service) == expected

    run(act, trouble=trouble)


def test_what_is_no_message_arrives_between_messages() -> None:
    async def act(service: DeepgramStandIn) -> None:
        with pytest.raises(json.JSONDecodeError):
            await _turn(service)

    run(act, trouble=Trouble(garbage_at=4))


def test_a_stalled_service_says_nothing_more_and_a_half_open_one_does_not_read_either() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            assert await client.quiet(0.1)
            pong = await client.socket.ping()
            await asyncio.wait_for(pong, PATIENCE_S)
        service.trouble = Trouble(half_open_at=3)
        async with talking(service, close_timeout=0.05) as client:
            await client.ready()
            await client.say()
            assert await client.quiet(0.1)
            pong = await client.socket.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pong), 0.05)
            pong.cancel()

    run(act, trouble=Trouble(stall_at=3))


def test_the_connection_is_reset_in_the_middle_of_a_turn() -> None:
    async def act(service: DeepgramStandIn) -> None:
        with pytest.raises(ConnectionClosed) as ended:
            await _turn(service)
        assert not isinstance(ended.value, ConnectionClosedOK)

    run(act, trouble=Trouble(abort_at=7))


def test_a_client_of_bytes_at_random_gets_errors_and_the_service_lives_on() -> None:
    async def act(service: DeepgramStandIn) -> None:
        for odd in (b"", b"\xff", b"\x00" * 641, "", "null", '{"type": null}', '{"type": []}'):
            async with talking(service) as client:
                await client.ready()
                await client.socket.send(odd)
                if isinstance(odd, str):
                    assert await client.error() == UNPARSABLE
        async with talking(service) as client:
            assert isinstance(client, Client)
            await client.ready()

    run(act)
