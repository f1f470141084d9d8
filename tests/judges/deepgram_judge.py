"""A script for the ``deepgram`` judge's own environment: the official client at work.

    python deepgram_judge.py WS_ORIGIN HTTP_ORIGIN KEY

Holds one conversation after the other (``SCENARIOS``, each a connection). Every message that
the service sends is validated against the official model of its ``type``, with fields and
values refused that the model does not name: the client itself does neither. Prints one line of
JSON: how often each type was seen.
"""

from __future__ import annotations

import array
import asyncio
import json
import math
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, get_args, get_origin

from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.agent.v1 import types
from deepgram.agent.v1.socket_client import V1SocketClientResponse
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.types.think_settings_v1 import ThinkSettingsV1
from pydantic import BaseModel

PATIENCE_S = 10.0
RATE_HZ = 16_000
SILENCE = bytes(2 * RATE_HZ * 7 // 10)
SPEECH = array.array(
    "h", (round(8000 * math.sin(at / 6)) for at in range(RATE_HZ * 4 // 10))
).tobytes()


def models() -> dict[str, list[type[BaseModel]]]:
    """The official server messages by what they have as ``type``."""
    found: dict[str, list[type[BaseModel]]] = {}

    def add(kind: Any) -> None:
        if get_args(kind):
            for one in get_args(kind):
                add(one)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            (name,) = get_args(kind.model_fields["type"].annotation)
            found.setdefault(name, []).append(kind)

    add(V1SocketClientResponse)
    return found


MODELS = models()


def oddities(value: object, where: str) -> Iterator[str]:
    """Every field and every value, at any depth, that the official model does not name."""
    if isinstance(value, BaseModel):
        for extra in value.model_extra or {}:
            yield f"{where}.{extra}"
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            named = literals(field.annotation)
            if named and inner is not None and inner not in named:
                yield f"{where}.{name} = {inner!r}"
            yield from oddities(inner, f"{where}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from oddities(item, f"{where}[]")


def literals(annotation: Any) -> set[object]:
    """What a field may be, where the model lists that (and adds ``Any``)."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return {one for part in get_args(annotation) for one in literals(part)}


def validated(raw: str) -> BaseModel:
    data = json.loads(raw)
    problems = []
    for model in MODELS[data["type"]]:
        try:
            message = model.model_validate(data)
        except ValueError as error:
            problems.append(str(error))
            continue
        odd = list(oddities(message, data["type"]))
        if not odd:
            return message
        problems += odd
    raise AssertionError(f"{raw}: {problems}")


def validator_works() -> None:
    """It would notice what is wrong."""
    for wrong in (
        '{"type": "Welcome"}',
        '{"type": "Welcome", "request_id": "1", "session": 1}',
        '{"type": "ConversationText", "role": "agent", "content": ""}',
        '{"type": "History", "role": "user"}',
        '{"type": "FunctionCallRequest", "functions": [{"id": "1", "name": "f", "arguments": "",'
        ' "client_side": true, "result": 1}]}',
    ):
        try:
            validated(wrong)
        except AssertionError:
            continue
        raise AssertionError(f"{wrong} was let through")


class Tap:
    """The socket inside the official client, so that what it received can be looked at raw."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.last: str | bytes = b""

    async def recv(self) -> str | bytes:
        self.last = await asyncio.wait_for(self._socket.recv(), PATIENCE_S)
        return self.last

    async def send(self, data: str | bytes) -> None:
        await self._socket.send(data)


class Conversation:
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, connection: Any) -> None:
        self.api = connection
        self._tap = connection._websocket = Tap(connection._websocket)

    async def receive(self) -> Any:
        """Audio, or the official client's own object, which must be of the right class."""
        got = await self.api.recv()
        if isinstance(got, bytes):
            self.seen["audio"] += 1
            return got
        assert isinstance(self._tap.last, str)
        message = validated(self._tap.last)
        assert type(got) in MODELS[message.type], (type(got), message)
        self.seen[message.type] += 1
        return message

    async def collect(self, kind: str) -> list[Any]:
        """Everything up to and including a message of ``kind``."""
        events = [await self.receive()]
        while getattr(events[-1], "type", "audio") != kind:
            assert kind == "Error" or getattr(events[-1], "type", "") != "Error", events[-1]
            events.append(await self.receive())
        return events

    async def expect(self, kind: str) -> Any:
        return (await self.collect(kind))[-1]

    async def set_up(self, **changes: Any) -> None:
        assert (await self.receive()).type == "Welcome"
        await self.api.send_settings(settings(**changes))
        assert (await self.receive()).type == "SettingsApplied"

    async def say(self, pcm: bytes = SPEECH + SILENCE) -> None:
        for at in range(0, len(pcm), 1280):
            await self.api.send_media(pcm[at : at + 1280])


def settings(**changes: Any) -> types.AgentV1Settings:
    agent = {
        "listen": {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}},
        "think": {
            "provider": {"type": "open_ai", "model": "gpt-4o-mini", "temperature": 0.7},
            "prompt": "Be brief.",
            "functions": [
                {"name": "get_time", "description": "the time", "parameters": {}},
                {"name": "weather", "endpoint": {"url": "https://weather.example/"}},
            ],
        },
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    }
    return types.AgentV1Settings.model_validate(
        {
            "type": "Settings",
            "experimental": True,
            "audio": {
                "input": {"encoding": "linear16", "sample_rate": RATE_HZ},
                "output": {"encoding": "linear16", "sample_rate": 24_000, "container": "none"},
            },
            "agent": agent | changes,
        }
    )


async def spoken_turn_functions_and_barge_in(talk: Conversation) -> None:
    await talk.set_up(greeting="Hello.")
    await talk.expect("AgentAudioDone")
    await talk.say()
    request = await talk.expect("FunctionCallRequest")
    first, second = request.functions
    assert (first.name, first.client_side) == ("get_time", True)
    assert (second.name, second.client_side) == ("weather", False)
    assert (await talk.expect("FunctionCallResponse")).content == "rain"
    await talk.api.send_function_call_response(
        types.AgentV1SendFunctionCallResponse(
            type="FunctionCallResponse", id=first.id, name=first.name, content="two"
        )
    )
    events = await talk.collect("AgentAudioDone")
    said = [e.content for e in events if getattr(e, "type", "") == "ConversationText"]
    assert said == ["It is two.", "It rains."], said
    assert len(b"".join(e for e in events if isinstance(e, bytes))) == 48_000
    await talk.say()
    await talk.collect("audio")
    await talk.say()
    before = await talk.collect("UserStartedSpeaking")
    assert all(getattr(e, "type", "") != "AgentAudioDone" for e in before)
    assert isinstance(await talk.receive(), bytes)
    heard = await talk.expect("ConversationText")
    assert (heard.role, heard.content) == ("user", "enough")
    await talk.expect("AgentAudioDone")


async def cancelled_function(talk: Conversation) -> None:
    await talk.set_up()
    await talk.say()
    request = await talk.expect("FunctionCallRequest")
    await talk.say()
    cancelled = await talk.expect("FunctionCallCancelled")
    assert [f.id for f in cancelled.functions] == [request.functions[0].id]
    await talk.expect("AgentAudioDone")


async def injections_updates_and_the_end_of_a_turn(talk: Conversation) -> None:
    live = {"provider": {"type": "deepgram", "version": "v1"}}
    await talk.set_up(think_live=live)
    api = talk.api
    await api.send_inject_agent_message(
        types.AgentV1InjectAgentMessage(type="InjectAgentMessage", message="Tea is ready.")
    )
    await talk.collect("audio")
    await api.send_inject_agent_message(
        types.AgentV1InjectAgentMessage(type="InjectAgentMessage", message="Cake, too.")
    )
    await talk.expect("InjectionRefused")
    await api.send_inject_user_message(
        types.AgentV1InjectUserMessage(type="InjectUserMessage", content="thank you")
    )
    assert (await talk.expect("ConversationText")).content == "thank you"
    await talk.expect("AgentAudioDone")
    await api.send_inject_dynamic_agent_message(
        types.AgentV1InjectDynamicAgentMessage(type="InjectAgentMessage", is_dynamic=True)
    )
    await talk.expect("AgentAudioDone")
    await api.send_update_prompt(
        types.AgentV1UpdatePrompt(type="UpdatePrompt", prompt="Be kind. " * 3000)
    )
    await talk.expect("PromptUpdated")
    await talk.expect("Warning")
    speak = {"provider": {"type": "deepgram", "model": "aura-2-apollo-en"}}
    await api.send_update_speak(types.AgentV1UpdateSpeak(type="UpdateSpeak", speak=speak))
    await talk.expect("SpeakUpdated")
    think = ThinkSettingsV1.model_validate({"provider": {"type": "google", "model": "gemini"}})
    await api.send_update_think(types.AgentV1UpdateThink(type="UpdateThink", think=think))
    await talk.expect("ThinkUpdated")
    listen = {"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en"}}
    await api.send_update_listen(types.AgentV1UpdateListen(type="UpdateListen", listen=listen))
    await talk.expect("ListenUpdated")
    await api.send_update_think_live(
        types.AgentV1UpdateThinkLive(type="UpdateThink_Live", think_live=live)
    )
    await talk.expect("ThinkLiveUpdated")
    await talk.say(SPEECH)
    await talk.expect("UserStartedSpeaking")
    await api.send_force_end_turn()
    await talk.expect("AgentAudioDone")


async def an_error_ends_it(talk: Conversation) -> None:
    await talk.set_up()
    await talk.api.send_raw({"type": "response.create"})
    assert (await talk.expect("Error")).code == "UNPARSABLE_CLIENT_MESSAGE"


SCENARIOS = (
    spoken_turn_functions_and_barge_in,
    cancelled_function,
    injections_updates_and_the_end_of_a_turn,
    an_error_ends_it,
)


def listening_client(environment: DeepgramClientEnvironment, key: str) -> None:
    """The other client, with a temporary token: it waits for nothing and hears everything."""
    granted = DeepgramClient(api_key=key, environment=environment).auth.v1.tokens.grant()
    client = DeepgramClient(access_token=granted.access_token, environment=environment)
    kinds: list[str] = []
    welcomed, applied, done = threading.Event(), threading.Event(), threading.Event()
    marks = {"Welcome": welcomed, "SettingsApplied": applied, "AgentAudioDone": done}

    def heard(message: Any) -> None:
        kinds.append(getattr(message, "type", "audio"))
        if kinds[-1] in marks:
            marks[kinds[-1]].set()

    with client.agent.v1.connect() as connection:
        connection.on(EventType.MESSAGE, heard)
        listener = threading.Thread(target=connection.start_listening)
        listener.start()
        assert welcomed.wait(PATIENCE_S)
        connection.send_settings(settings())
        assert applied.wait(PATIENCE_S)
        connection.send_keep_alive()
        connection.send_media(SPEECH + SILENCE)
        assert done.wait(PATIENCE_S), kinds
    listener.join(PATIENCE_S)
    assert kinds.index("UserStartedSpeaking") < kinds.index("ConversationText"), kinds
    assert "audio" in kinds


@asynccontextmanager
async def conversation(client: AsyncDeepgramClient) -> AsyncIterator[Conversation]:
    async with client.agent.v1.connect() as connection:
        yield Conversation(connection)


async def main(ws: str, http: str, key: str) -> None:
    validator_works()
    environment = DeepgramClientEnvironment(base=http, production=ws, agent=ws, agent_rest=http)
    client = AsyncDeepgramClient(api_key=key, environment=environment)
    for act in SCENARIOS:
        try:
            async with conversation(client) as talk:
                await act(talk)
        except BaseException:
            print(f"in {act.__name__}:", file=sys.stderr)
            raise
    await asyncio.to_thread(listening_client, environment, key)
    print(json.dumps({"seen": Conversation.seen}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
