"""A script for the ``gemini`` judge's own environment: the official client at work.

    python gemini_judge.py https://127.0.0.1:PORT CERTIFICATE KEY SCENARIO

Every frame that the service sends is validated against the official models before the client
reads it: unknown fields and unknown enum values are refused at any depth, and what the models
made of it must have every field of the frame. Prints one line of JSON: what was seen.
"""

from __future__ import annotations

import array
import asyncio
import json
import math
import ssl
import sys
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from google import genai
from google.genai import errors, types
from websockets.asyncio.client import ClientConnection

PATIENCE_S = 10.0
MODEL = "gemini-3.8-live"
SEEN: Counter[str] = Counter()
TIME = types.FunctionDeclaration(name="get_time", description="What time it is.")
SLOW = types.FunctionDeclaration(
    name="get_time", description="What time it is.", behavior=types.Behavior.NON_BLOCKING
)
WORDS = {
    "input_audio_transcription": types.AudioTranscriptionConfig(),
    "output_audio_transcription": types.AudioTranscriptionConfig(),
}
OFF = types.RealtimeInputConfig(
    automatic_activity_detection=types.AutomaticActivityDetection(disabled=True)
)


def paths(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{where}.{name}"
            yield from paths(inner, f"{where}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{where}[]")


def validate(raw: bytes | str) -> None:
    frame = json.loads(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = types.LiveServerMessage.model_validate(frame)
        again = message.model_dump(mode="json", by_alias=True, exclude_none=True)
    missing = set(paths(frame)) - set(paths(again))
    assert not missing, (frame, missing)
    assert len(set(frame) - {"usageMetadata"}) <= 1, list(frame)
    SEEN.update(paths(frame))


def tap() -> None:
    """Whatever the client receives goes through :func:`validate` first."""
    receive = ClientConnection.recv

    async def recv(self: ClientConnection, decode: bool | None = None) -> Any:
        raw = await receive(self, decode)
        validate(raw)
        return raw

    ClientConnection.recv = recv


def tone(ms: int, rate_hz: int = 16_000) -> bytes:
    turn = 2 * math.pi * 440 / rate_hz
    samples = (round(8000 * math.sin(turn * at)) for at in range(rate_hz * ms // 1000))
    return array.array("h", samples).tobytes()


class Talk:
    def __init__(self, session: Any) -> None:
        self.session = session

    async def say(self, ms: int, silence_ms: int = 0, rate_hz: int = 16_000) -> None:
        pcm = tone(ms, rate_hz) + bytes(2 * rate_hz * silence_ms // 1000)
        for at in range(0, len(pcm), rate_hz // 5):
            data = pcm[at : at + rate_hz // 5]
            blob = types.Blob(data=data, mime_type=f"audio/pcm;rate={rate_hz}")
            await self.session.send_realtime_input(audio=blob)

    async def turn(self) -> list[types.LiveServerMessage]:
        """As the client itself understands a turn."""
        async with asyncio.timeout(PATIENCE_S):
            return [message async for message in self.session.receive()]

    async def until(self, name: str) -> list[types.LiveServerMessage]:
        """Up to a message that has this field, or this field in its content."""
        got: list[types.LiveServerMessage] = []
        async with asyncio.timeout(PATIENCE_S):
            while not got or not _has(got[-1], name):
                got.append(await self.session._receive())
        return got

    async def handle(self) -> str:
        while True:
            update = (await self.until("session_resumption_update"))[-1].session_resumption_update
            if update.resumable:
                return str(update.new_handle)

    async def answer(self, call: types.FunctionCall, **more: Any) -> None:
        response = types.FunctionResponse(
            id=call.id, name=call.name, response={"output": "14:05"}, **more
        )
        await self.session.send_tool_response(function_responses=[response])


def _has(message: types.LiveServerMessage, name: str) -> bool:
    for holder in (message, message.server_content):
        if getattr(holder, name, None) is not None:
            return True
    return False


def audio(messages: list[types.LiveServerMessage]) -> bytes:
    return b"".join(message.data or b"" for message in messages)


def words(messages: list[types.LiveServerMessage], name: str) -> str:
    found = (getattr(message.server_content, name, None) for message in messages)
    return "".join(one.text or "" for one in found if one)


class Judge:
    def __init__(self, url: str, certificate: str, key: str) -> None:
        self._url, self._key = url, key
        self._context = ssl.create_default_context(cafile=certificate)

    @asynccontextmanager
    async def talk(
        self, *, model: str = MODEL, key: str = "", version: str | None = None, **config: Any
    ) -> AsyncIterator[Talk]:
        options = types.HttpOptions(
            base_url=self._url, api_version=version, async_client_args={"ssl": self._context}
        )
        client = genai.Client(api_key=key or self._key, http_options=options)
        config.setdefault("response_modalities", ["AUDIO"])
        settings = types.LiveConnectConfig(**config)
        async with client.aio.live.connect(model=model, config=settings) as session:
            assert session.session_id
            yield Talk(session)

    async def refused(self, **how: Any) -> tuple[int, str]:
        try:
            async with self.talk(**how) as talk:
                await talk.turn()
        except errors.APIError as error:
            return error.code, str(error)
        raise AssertionError(f"{how}: it was accepted")


async def spoken(judge: Judge) -> None:
    """Speech, a call, its result, the reply; with everything set that an appliance sets."""
    voice = types.PrebuiltVoiceConfig(voice_name="Kore")
    detection = types.AutomaticActivityDetection(
        start_of_speech_sensitivity=types.StartSensitivity.START_SENSITIVITY_HIGH,
        end_of_speech_sensitivity=types.EndSensitivity.END_SENSITIVITY_LOW,
        prefix_padding_ms=20,
        silence_duration_ms=400,
    )
    async with judge.talk(
        **WORDS,
        speech_config=types.SpeechConfig(
            voice_config=types.VoiceConfig(prebuilt_voice_config=voice), language_code="en-US"
        ),
        system_instruction="Be brief.",
        temperature=1.0,
        thinking_config=types.ThinkingConfig(thinking_level="MINIMAL"),
        tools=[types.Tool(function_declarations=[TIME])],
        realtime_input_config=types.RealtimeInputConfig(
            automatic_activity_detection=detection,
            activity_handling=types.ActivityHandling.START_OF_ACTIVITY_INTERRUPTS,
            turn_coverage=types.TurnCoverage.TURN_INCLUDES_ONLY_ACTIVITY,
        ),
        session_resumption=types.SessionResumptionConfig(),
        context_window_compression=types.ContextWindowCompressionConfig(
            trigger_tokens=1000, sliding_window=types.SlidingWindow(target_tokens=500)
        ),
        proactivity=types.ProactivityConfig(proactive_audio=True),
    ) as talk:
        await talk.say(600, silence_ms=600)
        messages = await talk.until("tool_call")
        assert words(messages, "input_transcription") == "what time is it"
        [call] = messages[-1].tool_call.function_calls
        assert (call.name, call.args) == ("get_time", {"zone": "here"})
        await talk.answer(call)
        turn = await talk.turn()
        assert words(turn, "output_transcription") == "It is five past two."
        assert len(audio(turn)) == 48_000
        assert any(_has(message, "generation_complete") for message in turn)
        usage = next(message.usage_metadata for message in turn if message.usage_metadata)
        assert usage.response_token_count == 25
        assert usage.total_token_count == usage.prompt_token_count + 25 + (
            usage.thoughts_token_count or 0
        )


async def cut(judge: Judge) -> None:
    """A reply interrupted by voice, then a call cancelled by it."""
    async with judge.talk(**WORDS) as talk:
        await talk.session.send_realtime_input(text="tell me a story")
        await talk.until("model_turn")
        await talk.say(300)
        turn = await talk.turn()
        assert any(_has(message, "interrupted") for message in turn)
        assert not any(_has(message, "generation_complete") for message in turn)
        await talk.say(300, silence_ms=700)
        [call] = (await talk.until("tool_call"))[-1].tool_call.function_calls
        await talk.say(300)
        turn = await talk.turn()
        [ids] = [one.tool_call_cancellation.ids for one in turn if one.tool_call_cancellation]
        assert ids == [call.id]
        await talk.say(300, silence_ms=700)
        assert len(audio(await talk.turn())) == 48_000


async def by_hand(judge: Judge) -> None:
    """Marks, another rate, contents, a history, an update of the tools."""
    history = types.HistoryConfig(initial_history_in_client_content=True)
    async with judge.talk(realtime_input_config=OFF, history_config=history) as talk:
        user = types.Content(role="user", parts=[types.Part(text="I am Ann.")])
        model = types.Content(role="model", parts=[types.Part(text="Hello Ann.")])
        await talk.session.send_client_content(turns=[user, model], turn_complete=True)
        await talk.session.send_realtime_input(activity_start=types.ActivityStart())
        await talk.say(500, rate_hz=24_000)
        await talk.session.send_realtime_input(activity_end=types.ActivityEnd())
        assert len(audio(await talk.turn())) == 48_000
        await talk.session.send_client_content(turns=user, turn_complete=True)
        assert len(audio(await talk.turn())) == 48_000
        tools = [types.Tool(function_declarations=[SLOW])]
        await talk.session.send_context_update(system_instruction="Be long.", tools=tools)
        await talk.session.send_realtime_input(activity_start=types.ActivityStart())
        await talk.session.send_realtime_input(activity_end=types.ActivityEnd())
        await talk.turn()
    async with judge.talk() as talk:
        await talk.say(500)
        await talk.session.send_realtime_input(audio_stream_end=True)
        assert len(audio(await talk.turn())) == 48_000


async def free(judge: Judge) -> None:
    """A call that does not block: its turn goes on until the result has been spoken of."""
    async with judge.talk(tools=[types.Tool(function_declarations=[SLOW])]) as talk:
        await talk.session.send_realtime_input(text="when you can")
        [call] = (await talk.until("tool_call"))[-1].tool_call.function_calls
        await talk.answer(call, scheduling=types.FunctionResponseScheduling.WHEN_IDLE)
        assert len(audio(await talk.turn())) == 48_000


async def resumed(judge: Judge) -> None:
    config = types.SessionResumptionConfig()
    async with judge.talk(session_resumption=config) as talk:
        await talk.session.send_realtime_input(text="one")
        await talk.turn()
        handle = await talk.handle()
    config = types.SessionResumptionConfig(handle=handle)
    async with judge.talk(session_resumption=config) as talk:
        await talk.session.send_realtime_input(text="two")
        assert words(await talk.turn(), "output_transcription") == ""
    config = types.SessionResumptionConfig(handle="never given")
    code, told = await judge.refused(session_resumption=config)
    assert (code, "not found" in told) == (1008, True), told


async def nothing_said(judge: Judge) -> None:
    """A turn with a reason."""
    async with judge.talk() as talk:
        await talk.say(300, silence_ms=700)
        turn = await talk.turn()
        reason = turn[-1].server_content.turn_complete_reason
        assert reason == types.TurnCompleteReason.NEED_MORE_INPUT


async def keys(judge: Judge) -> None:
    for version in ("v1", "v1alpha", "v1beta"):
        async with judge.talk(version=version):
            pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        async with judge.talk(version="v1alpha", key=f"auth_tokens/{judge._key}"):
            pass
    code, told = await judge.refused(key="wrong")
    assert (code, "API key not valid" in told) == (1007, True), told
    assert (await judge.refused(model="gemini-1.0"))[0] == 1008
    voice = types.VoiceConfig(prebuilt_voice_config={"voice_name": "Bob"})
    assert (await judge.refused(speech_config=types.SpeechConfig(voice_config=voice)))[0] == 1007
    assert (await judge.refused(response_modalities=["TEXT"]))[0] == 1007


async def ended(judge: Judge) -> None:
    """Only against a service with a short cap."""
    async with judge.talk() as talk:
        [away] = await talk.until("go_away")
        assert away.go_away.time_left == "0.15s"
        try:
            await talk.turn()
        except errors.APIError as error:
            assert error.code == 1008
            return
    raise AssertionError("it did not end")


async def quota(judge: Judge) -> None:
    """Only against a service without any left."""
    code, told = await judge.refused()
    assert (code, "quota" in told) == (1011, True), told


SCENARIOS = {one.__name__: one for one in (spoken, cut, by_hand, free, resumed, nothing_said)}
SCENARIOS |= {one.__name__: one for one in (keys, ended, quota)}


async def main(url: str, certificate: str, key: str, scenario: str) -> None:
    tap()
    await SCENARIOS[scenario](Judge(url, certificate, key))
    print(json.dumps({"seen": SEEN}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
