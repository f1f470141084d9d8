"""One connection to the Deepgram stand-in: order, turns of the user's, silence and the cap."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from dataclasses import replace
from typing import Any

from device.simulator.services.brain import Brain
from device.simulator.services.deepgram_agent import Agent
from device.simulator.services.deepgram_manner import Manner, SessionError
from device.simulator.services.deepgram_messages import Fields, UnparsableError, parsed
from device.simulator.services.deepgram_settings import (
    InvalidSettingsError,
    Settings,
    available,
    understood,
)
from device.simulator.services.ears import Started, TurnDetector
from device.simulator.services.line import Data, Line

LONGEST_PROMPT = 25_000


class Session:
    """``counts``: messages by type, ``audio`` for binary ones, ``needless_keep_alive`` for
    those that came while audio flowed, ``stray_result`` for those of functions that nobody
    waits for."""

    def __init__(self, line: Line, brain: Brain, manner: Manner, cap_s: float) -> None:
        self._line, self._brain, self._manner = line, brain, manner
        self.request_id = str(uuid.uuid4())
        self.counts: Counter[str] = Counter()
        self.settings: Settings | None = None
        self.error: SessionError | None = None
        self._inbox: asyncio.Queue[Data | None] = asyncio.Queue()
        self._applied = asyncio.Event()
        self._applying: asyncio.Task[None] | None = None
        self._agent: Agent | None = None
        self._ears = TurnDetector(24_000)
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()
        self._audio_at = float("-inf")
        self._cap_at = self._alive_at + cap_s

    async def converse(self) -> None:
        """Until one of the two ends it."""
        reader = asyncio.create_task(self._read())
        try:
            await self._welcome()
            while (data := await self._next()) is not None:
                await self._take(data)
        except SessionError as fatal:
            await self._end(fatal)
        except UnparsableError as error:
            await self._end(SessionError("UNPARSABLE_CLIENT_MESSAGE", str(error)))
        except InvalidSettingsError as error:
            await self._end(SessionError("INVALID_SETTINGS", str(error)))
        finally:
            for task in (reader, self._applying):
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])
            if self._agent is not None:
                await self._agent.stop()

    # --- the connection ---------------------------------------------------------------

    async def _read(self) -> None:
        async for data in self._line:
            self._inbox.put_nowait(data)
        self._inbox.put_nowait(None)

    async def _next(self) -> Data | None:
        """The next message; None when the connection, or its time, is over."""
        now = self._loop.time()
        if now < self._cap_at and not self._inbox.empty():
            return self._inbox.get_nowait()
        quiet_at = self._alive_at + self._manner.quiet_s
        try:
            timeout_s = max(0.0, min(quiet_at, self._cap_at) - now)
            return await asyncio.wait_for(self._inbox.get(), timeout_s)
        except TimeoutError:
            if quiet_at < self._cap_at:
                raise SessionError(
                    "CLIENT_MESSAGE_TIMEOUT", "Neither audio nor KeepAlive came"
                ) from None
        if self._manner.cap_error is not None:
            raise SessionError(self._manner.cap_error, "The longest session is over")
        await self._line.close(1000, "maximum session duration")
        return None

    async def _send(self, what: str | bytes, **fields: Any) -> None:
        data = what if isinstance(what, bytes) else json.dumps({"type": what, **fields})
        await self._line.send(data)

    async def _end(self, fatal: SessionError) -> None:
        """Only the first one counts."""
        if self.error is None:
            self.error = fatal
            await self._send("Error", code=fatal.code, description=fatal.description)
            await self._line.close(self._manner.close_code, fatal.code)

    # --- its beginning ----------------------------------------------------------------

    async def _welcome(self) -> None:
        await asyncio.sleep(self._manner.welcome_s)
        if not self._inbox.empty() and self._inbox.get_nowait() is not None:
            raise SessionError("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "A message before Welcome")
        await self._send("Welcome", request_id=self.request_id)

    def _set_up(self, message: Fields) -> None:
        manner = self._manner
        self.settings = understood(
            message,
            stored=manner.stored,
            refused_models=manner.refused_models,
            think_live=manner.think_live,
        )
        self._ears = TurnDetector(self.settings.input_hz, silence_ms=manner.silence_ms)
        self._agent = Agent(self._brain, self.settings, manner, self._send, self._end)
        self._applying = asyncio.create_task(self._apply(self._agent, self.settings))

    async def _apply(self, agent: Agent, settings: Settings) -> None:
        await asyncio.sleep(self._manner.apply_s)
        try:
            await self._start(agent, settings)
        finally:
            self._applied.set()

    async def _start(self, agent: Agent, settings: Settings) -> None:
        fault = self._manner.fault
        if fault is not None and fault.at == "settings" and fault.fatal:
            await self._end(SessionError(fault.code, fault.description))
            return
        await self._send("SettingsApplied")
        if fault is not None and fault.at == "settings":
            await self._send("Warning", code=fault.code, description=fault.description)
        await self._check_prompt(settings.prompt)
        if settings.greeting:
            await agent.greet()

    async def _check_prompt(self, prompt: str) -> None:
        if len(prompt) > LONGEST_PROMPT:
            await self._send("Warning", code="PROMPT_TOO_LONG", description="It was truncated")

    # --- what the client sends --------------------------------------------------------

    async def _take(self, data: Data) -> None:
        now = self._loop.time()
        if isinstance(data, bytes):
            self.counts["audio"] += 1
            self._alive_at = self._audio_at = now
            await self._hear(data)
            return
        message = parsed(data)
        kind = message["type"]
        self.counts[kind] += 1
        if kind == "KeepAlive":
            self._alive_at = now
            self.counts["needless_keep_alive"] += now - self._audio_at < self._manner.flowing_s
        if kind == "Settings":
            if self.settings is not None:
                raise SessionError("SETTINGS_ALREADY_APPLIED", "There are settings already")
            self._set_up(message)
        elif self._agent is None:
            raise SessionError("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", f"{kind} before Settings")
        elif kind != "KeepAlive":
            await self._applied.wait()
            await self._obey(self._agent, message)

    async def _hear(self, pcm: bytes) -> None:
        if self._agent is None or not self._applied.is_set():
            raise SessionError(
                "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "Audio before SettingsApplied"
            )
        for found in self._ears.hear(pcm):
            if isinstance(found, Started):
                await self._agent.interrupted()
            else:
                await self._agent.hear(found.pcm)

    async def _obey(self, agent: Agent, message: Fields) -> None:
        match message["type"]:
            case "InjectAgentMessage":
                await self._inject(agent, message)
            case "InjectUserMessage" if self._ears.speaking:
                refusal = "Cannot inject a message while the user is speaking"
                await self._send("InjectionRefused", message=refusal)
            case "InjectUserMessage":
                await agent.read(message["content"])
            case "FunctionCallResponse":
                taken = agent.take_result(message["id"], message["content"])
                self.counts["stray_result"] += not taken
            case "ForceEndTurn" if self._ears.speaking:
                await agent.hear(self._ears.take())
            case "ForceEndTurn":
                """There is no turn to end."""
            case _:
                await self._update(agent, message)

    async def _inject(self, agent: Agent, message: Fields) -> None:
        if message.get("is_dynamic") and not agent.settings.think_live:
            raise UnparsableError("InjectAgentMessage: expected no field 'is_dynamic'")
        words = None if message.get("is_dynamic") else message["message"]
        behavior = message.get("behavior") or "default"
        await agent.inject(words, behavior, user_speaks=self._ears.speaking)

    async def _update(self, agent: Agent, message: Fields) -> None:
        settings = agent.settings
        match message["type"]:
            case "UpdatePrompt":
                settings, ack = replace(settings, prompt=message["prompt"]), "PromptUpdated"
            case "UpdateSpeak":
                settings, ack = settings.speaking(message["speak"]), "SpeakUpdated"
            case "UpdateThink":
                settings, ack = settings.thinking(message["think"]), "ThinkUpdated"
            case "UpdateListen":
                settings, ack = replace(settings, listen=message["listen"]), "ListenUpdated"
            case _:
                if not self._manner.think_live:
                    raise UnparsableError("UpdateThink_Live is not available to this account")
                settings, ack = replace(settings, think_live=True), "ThinkLiveUpdated"
        available(settings, self._manner.refused_models)
        agent.settings = self.settings = settings
        await self._send(ack)
        if message["type"] in ("UpdatePrompt", "UpdateThink"):
            await self._check_prompt(settings.prompt)
