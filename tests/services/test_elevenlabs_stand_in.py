"""The stand-in of ElevenLabs Agents as its documents say: hand-shake, turns, tools, interruption.

What goes wrong is in ``test_elevenlabs_trouble.py``.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import numpy as np
import pytest

from device.simulator.services.brain import Answer, Brain, Call, ScriptedBrain, reply, tone
from device.simulator.services.elevenlabs import ElevenLabs
from device.simulator.services.elevenlabs_agent import ALL_EVENTS, Agent
from device.simulator.services.elevenlabs_audio import FORMATS, Format
from device.simulator.services.elevenlabs_voice import _split
from tests.services.elevenlabs_client import Client, dial, get, payload, talk, turn

CALL = Answer("what time is it", calls=(Call("get_time", {"zone": "UTC"}),))


def service(*answers: Answer, agent: Agent | None = None, brain: Brain | None = None) -> ElevenLabs:
    mine = brain or ScriptedBrain(*answers)
    return ElevenLabs(lambda: mine, agent or Agent())


def spoken_turns(brain: ScriptedBrain) -> list[tuple[bytes, int]]:
    return [turn for turn in brain.turns if isinstance(turn, tuple) and isinstance(turn[0], bytes)]


def test_the_metadata_tells_the_formats_that_the_agent_has() -> None:
    async def act(client: Client) -> None:
        metadata = await client.initiate()
        assert metadata.pop("conversation_id").startswith("conv_")
        assert metadata == {
            "agent_output_audio_format": "ulaw_8000",
            "user_input_audio_format": "pcm_48000",
        }

    agent = Agent(input_format="pcm_48000", output_format="ulaw_8000")
    talk(service(agent=agent), act, initiate=False)


def test_a_spoken_turn_is_transcribed_and_answered() -> None:
    brain = ScriptedBrain(reply("It is noon.", heard="what time is it", seconds=0.5))

    async def act(client: Client) -> None:
        await client.say(turn())
        first, *frames = await client.until("agent_response")
        assert payload(first)["user_transcript"] == "what time is it"
        response = payload(frames[-1])
        assert response["agent_response"] == "It is noon."
        assert response["event_id"] > payload(first)["event_id"] >= 1
        assert len(await client.audio(0.5)) == 16_000
        audio = [payload(one) for one in client.frames if one["type"] == "audio"]
        assert [one["event_id"] for one in audio] == [response["event_id"] + at for at in range(3)]
        chars = [char for one in audio for char in one["alignment"]["chars"]]
        assert "".join(chars) == "It is noon."

    talk(service(brain=brain), act)
    ((pcm, rate_hz),) = spoken_turns(brain)
    assert rate_hz == 16_000 and len(pcm) > 2 * 0.8 * rate_hz


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_spoken_and_understood(name: str) -> None:
    brain = ScriptedBrain(reply("Yes.", seconds=0.4))
    audio_format = Format(name)
    rate_hz, sample_bytes = audio_format.rate_hz, audio_format.sample_bytes

    async def act(client: Client) -> None:
        said = tone(0.4, 300.0) + bytes(48 * 600)
        await client.say(audio_format.encode(said), rate_hz // 10 * sample_bytes)
        got = await client.audio(0.4, rate_hz, sample_bytes)
        level = np.frombuffer(audio_format.decode(got), "<i2").astype(float).std()
        assert level == pytest.approx(8192 / 2**0.5, rel=0.02)

    talk(service(brain=brain, agent=Agent(input_format=name, output_format=name)), act)
    ((pcm, heard_hz),) = spoken_turns(brain)
    assert heard_hz == rate_hz
    assert np.frombuffer(pcm, "<i2").astype(float).max() == pytest.approx(8192, rel=0.05)


def test_mu_law_is_that_of_the_standard() -> None:
    ulaw = Format("ulaw_8000")
    assert np.frombuffer(ulaw.decode(bytes([0x00, 0x80, 0xFF, 0x7F, 0xF0])), "<i2").tolist() == [
        -32124,
        32124,
        0,
        0,
        120,
    ]
    with pytest.raises(ValueError, match="mp3"):
        Format("mp3_44100")


def test_the_agent_may_speak_first_and_a_client_may_say_what() -> None:
    async def act(client: Client) -> None:
        await client.initiate(conversation_config_override={"agent": {"first_message": "Good day"}})
        assert (await client.expect("agent_response"))["agent_response"] == "Good day"
        assert (await client.expect("audio"))["event_id"] == 1

    talk(service(agent=Agent(first_message="Hello")), act, initiate=False)


def test_a_user_who_speaks_over_the_answer_interrupts_it() -> None:
    words = "one two three four five six seven eight"
    long, short = reply(words, heard="first", seconds=4.0), reply("Well.", heard="second")

    async def act(client: Client) -> None:
        await client.say(turn())
        await client.expect("audio")
        await client.say(turn())
        before = await client.until("interruption")
        watermark = payload(before[-1])["event_id"]
        after = await client.until("user_transcript")
        late = [payload(one)["event_id"] for one in after if one["type"] == "audio"]
        assert late == [watermark - 1, watermark]
        correction = payload(after[-2])
        assert after[-2]["type"] == "agent_response_correction"
        assert correction["original_agent_response"] == words
        assert words.startswith(correction["corrected_agent_response"])
        assert correction["corrected_agent_response"] != words
        assert (await client.expect("agent_response"))["agent_response"] == "Well."
        assert (await client.expect("audio"))["event_id"] > watermark

    talk(service(long, short), act)


def test_an_answer_that_was_sent_but_not_yet_heard_is_interrupted_too() -> None:
    agent = Agent(speed=1000.0, piece_ms=1000)

    async def act(client: Client) -> None:
        await client.say(turn())
        await client.audio(20.0)
        last = payload(client.frames[-1])["event_id"]
        await client.say(tone(0.2, 300.0, 16_000))
        assert (await client.expect("interruption"))["event_id"] == last
        await client.expect("agent_response_correction")

    talk(service(reply("Long.", seconds=20.0), agent=agent), act)


def test_nothing_is_interrupted_while_the_agent_is_silent() -> None:
    async def act(client: Client) -> None:
        for _ in range(2):
            await client.say(turn())
            await client.expect("agent_response")

    client = talk(service(reply("Yes.", seconds=0.0)), act)
    assert not [one for one in client.frames if one["type"] == "interruption"]


def test_who_goes_on_speaking_before_the_answer_is_heard_as_a_whole() -> None:
    gate = asyncio.Event()

    class Slow(ScriptedBrain):
        async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
            answer = await super().spoken(pcm, rate_hz)
            await gate.wait()
            return answer

    brain = Slow(reply("Too soon.", heard="half"), reply("Whole.", heard="all of it"))

    async def act(client: Client) -> None:
        for _ in range(2):
            await client.say(turn())  # ten chunks, each with its score
            for _ in range(10):
                await client.expect("vad_score")
        gate.set()
        assert (await client.expect("user_transcript"))["user_transcript"] == "all of it"
        assert (await client.expect("agent_response"))["agent_response"] == "Whole."

    talk(service(brain=brain, agent=Agent(client_events=ALL_EVENTS)), act)
    (first, _), (second, _) = spoken_turns(brain)
    assert second.startswith(first) and len(second) > len(first)


def test_written_messages_are_answered_as_speech_is_and_interrupt_as_well() -> None:
    brain = ScriptedBrain(reply("Long.", seconds=3.0))

    async def act(client: Client) -> None:
        await client.send(type="user_message", text="Hello")
        await client.expect("audio")
        text = {"type": "user_message", "text": "Look"}
        file = {"type": "file_input", "file_id": "file-1"}
        await client.send(type="multimodal_message", text=text, file=file, files=[file])
        await client.expect("interruption")
        await client.expect("agent_response")

    talk(service(brain=brain), act)
    assert brain.turns == ["Hello", "Look"]


def test_contexts_feedback_and_activity_are_taken_without_a_word() -> None:
    mine = service(reply("Yes.", seconds=2.0))
    frames = (
        {"type": "contextual_update", "text": "The kettle is on", "context_id": "kettle"},
        {"type": "feedback", "event_id": 1, "score": "like"},
        {"type": "feedback", "event_id": 1, "score": None},
        {"type": "user_activity"},
    )

    async def act(client: Client) -> None:
        await client.send(type="user_message", text="Hello")
        await client.expect("audio")
        for frame in frames:
            await client.send(**frame)
        kinds = {(await client.receive())["type"] for _ in range(9)}
        assert kinds == {"audio"}

    talk(mine, act)
    assert mine.told == list(frames)


def test_a_conversation_in_text_has_no_audio() -> None:
    async def act(client: Client) -> None:
        wanted = ["conversation_initiation_metadata", "agent_response", "agent_chat_response_part"]
        conversation = {"text_only": True, "client_events": [*wanted, "audio", "context_usage"]}
        await client.initiate(conversation_config_override={"conversation": conversation})
        await client.send(type="user_message", text="Hello")
        frames = await client.until("context_usage")
        assert [one["type"] for one in frames] == ["agent_chat_response_part"] * 5 + [
            "agent_response",
            "context_usage",
        ]
        parts = [payload(one) for one in frames[:5]]
        assert [one["type"] for one in parts] == ["start", "delta", "delta", "delta", "stop"]
        assert "".join(one["text"] for one in parts) == "How are you?"

    talk(service(reply("How are you?")), act, initiate=False)
    assert _split("a  b") == ["a", " ", " b"]


def test_events_that_are_switched_off_are_not_sent() -> None:
    agent = Agent()
    quiet = replace(agent, client_events=agent.client_events - {"audio", "interruption", "ping"})

    async def act(client: Client) -> None:
        await client.say(turn())
        await client.expect("agent_response")
        await client.say(turn())
        await client.until("agent_response")

    client = talk(service(reply("Yes.", heard="so", seconds=20.0), agent=quiet), act)
    kinds = {one["type"] for one in client.frames}
    assert not kinds & {"audio", "interruption", "ping"}
    assert "agent_response_correction" in kinds


def test_scores_tentative_words_and_usage_come_where_they_are_asked_for() -> None:
    heard = reply("Yes.", heard="what time is it", seconds=0.1)

    async def act(client: Client) -> None:
        await client.say(turn())
        frames = await client.until("context_usage")
        tentative = [payload(one) for one in frames if one["type"] == "tentative_user_transcript"]
        assert [one["user_transcript"] for one in tentative] == [
            "what",
            "what time",
            "what time is",
        ]
        (final,) = [payload(one) for one in frames if one["type"] == "user_transcript"]
        assert {one["event_id"] for one in tentative} == {final["event_id"]}
        scores = [payload(one)["vad_score"] for one in client.frames if one["type"] == "vad_score"]
        assert max(scores) == 1.0 and min(scores) == 0.0
        usage = payload(frames[-1])
        assert 0 < usage["context_tokens"] < usage["context_limit_tokens"]

    talk(service(heard, agent=Agent(client_events=ALL_EVENTS)), act)


def test_pings_come_regularly_and_tell_how_long_the_last_one_took() -> None:
    async def act(client: Client) -> None:
        while len([one for one in client.frames if one["type"] == "ping"]) < 4:
            await client.send(type="user_message", text="Hello")
            await client.expect("agent_response")

    client = talk(service(reply("Yes.", seconds=0.0), agent=Agent(ping_interval_s=0.01)), act)
    pings = [payload(one) for one in client.frames if one["type"] == "ping"]
    assert [one["event_id"] for one in pings] == list(range(1, len(pings) + 1))
    assert pings[0]["ping_ms"] is None
    assert any(isinstance(one["ping_ms"], int) for one in pings)


def test_a_slow_model_is_covered_by_a_phrase() -> None:
    class Slow(ScriptedBrain):
        async def written(self, text: str) -> Answer:
            await asyncio.sleep(0.05)
            return await super().written(text)

    async def act(client: Client) -> None:
        await client.send(type="user_message", text="Hello")
        said = [(await client.expect("agent_response"))["agent_response"] for _ in range(2)]
        assert said == ["One moment.", "Yes."]

    agent = Agent(soft_timeout_s=0.01, soft_timeout_message="One moment.")
    talk(service(brain=Slow(reply("Yes.")), agent=agent), act)


def test_a_user_who_is_silent_is_spoken_to() -> None:
    brain = ScriptedBrain(reply("Are you there?", seconds=0.0))

    async def act(client: Client) -> None:
        assert (await client.expect("agent_response"))["agent_response"] == "Are you there?"

    talk(service(brain=brain, agent=Agent(turn_timeout_s=0.02, turn_prompt="Ask.")), act)
    assert brain.turns[0] == "Ask."


def test_the_agent_ends_the_call_in_order() -> None:
    bye = replace(reply("Goodbye.", heard="bye", seconds=0.2), calls=(Call("end_call"),))

    async def act(client: Client) -> None:
        await client.say(turn())
        assert await client.closed() == (1000, "")

    client = talk(service(bye), act)
    kinds = [one["type"] for one in client.frames if one["type"] != "ping"]
    assert kinds[1:] == [
        "user_transcript",
        "agent_response",
        "audio",
        "agent_tool_request",
        "agent_tool_response",
    ]


def test_a_call_with_a_silent_user_is_ended() -> None:
    async def act(client: Client) -> None:
        assert await client.closed() == (1000, "")

    talk(service(agent=Agent(inactivity_s=0.02)), act)


def test_a_client_may_hang_up_in_the_middle_of_an_answer() -> None:
    async def act(client: Client) -> None:
        await client.say(turn())
        await client.expect("audio")

    talk(service(reply("Long.", seconds=30.0)), act)


def test_a_private_agent_is_reached_by_signed_url_on_either_port() -> None:
    async def run() -> None:
        mine = service(agent=Agent(private=True))
        async with mine:
            http = mine.origin.replace("ws", "http", 1)
            for origin in (http, mine.http_origin):
                url = f"{origin}/v1/convai/conversation/get-signed-url?agent_id=agent-1"
                status, body = await asyncio.to_thread(get, url, mine.key)
                assert (status, list(body)) == (200, ["signed_url"])
                url += "&include_conversation_id=true"
                _, named = await asyncio.to_thread(get, url, mine.key)
                async with dial(body["signed_url"]) as client:
                    await client.initiate()
                async with dial(named["signed_url"]) as client:
                    metadata = await client.initiate()
                    assert metadata["conversation_id"] == named["conversation_id"]
                async with dial(body["signed_url"]) as client:
                    assert (await client.closed())[0] == 3000

    asyncio.run(run())


def test_audio_is_sent_faster_than_it_sounds() -> None:
    async def act(client: Client) -> None:
        began = asyncio.get_running_loop().time()
        await client.send(type="user_message", text="Hello")
        assert len(await client.audio(10.0)) == 320_000
        assert asyncio.get_running_loop().time() - began < 9.0
        pieces = [one for one in client.frames if one["type"] == "audio"]
        assert {len(base64.b64decode(payload(one)["audio_base_64"])) for one in pieces} == {6400}

    talk(service(reply("Long.", seconds=10.0), agent=Agent(speed=100.0)), act)
