"""The turns of an ElevenLabs conversation: who speaks, thinks, is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from device.simulator.services.brain import Answer, Brain, reply
from device.simulator.services.elevenlabs_agent import Agent, Fault
from device.simulator.services.elevenlabs_tools import END_CALL, Tools
from device.simulator.services.elevenlabs_voice import Out, Voice

CONTEXT_TOKENS = 200_000
SECONDS_PER_CHARACTER = 0.06

Fail = Callable[[Fault], Awaitable[bool]]
"""Make a fault; whether the connection is closed by it."""


class Turns:
    """One conversation's. Everything runs in ``tasks``, which end with the connection."""

    def __init__(
        self,
        agent: Agent,
        brain: Brain,
        out: Out,
        voice: Voice,
        tools: Tools,
        *,
        start: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        fault: Callable[[str], Fault | None],
        fail: Fail,
        end: Callable[[], Awaitable[None]],
    ) -> None:
        self._agent, self._brain, self._out = agent, brain, out
        self._voice, self._tools = voice, tools
        self._start, self._fault, self._fail, self._end = start, fault, fail, end
        self._job: asyncio.Task[None] | None = None
        self._thought: asyncio.Task[Answer] | None = None
        self._unanswered = b""
        self._turn = 0

    @property
    def job(self) -> asyncio.Task[None] | None:
        """What the agent is at, if anything."""
        return self._job if self._job is not None and not self._job.done() else None

    def greet(self, words: str) -> None:
        seconds = SECONDS_PER_CHARACTER * len(words)
        self._job = self._start(self._voice.say(reply(words, seconds=seconds)))

    async def onset(self) -> None:
        """The user begins to speak: whatever the agent is at ends."""
        await self._stop()
        await self._voice.interrupt()

    def spoken(self, pcm: bytes, rate_hz: int) -> None:
        """The user's turn. What they said before, unless it was answered, belongs to it."""
        self._unanswered += pcm
        turn = self._unanswered
        self._job = self._start(self._answer(partial(self._brain.spoken, turn, rate_hz)))

    async def written(self, text: str) -> None:
        """A message in place of speech; it interrupts as well."""
        await self.onset()
        self._job = self._start(self._answer(partial(self._brain.written, text)))

    async def _stop(self) -> None:
        job = self.job
        if job is not None:
            job.cancel()
            await asyncio.wait([job])

    async def _answer(self, ask: Callable[[], Coroutine[Any, Any, Answer]]) -> None:
        fault = self._fault("turn")
        if fault is not None and await self._fail(fault):
            return
        answer = await self._think(ask)
        self._unanswered = b""
        if answer.heard:
            await self._heard(answer.heard)
        while answer.calls:
            if any(call.name == END_CALL for call in answer.calls):
                await self._voice.say(answer)
                await self._tools.end_call()
                await self._end()
                return
            if answer.words:  # as agents do that say that they will have a look
                await self._voice.say(answer)
            results = await self._tools.run(answer.calls)
            answer = await self._think(partial(self._brain.tools_done, results))
        fault = self._fault("reply")
        await self._voice.say(answer, half=fault is not None)
        if fault is not None and await self._fail(fault):
            return
        await self._tell_usage()

    async def _think(self, ask: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Ask the brain one thing at a time, and fill a long pause."""
        while self._thought is not None and not self._thought.done():
            await asyncio.wait([self._thought])  # of a turn that nobody waits for any more
        self._thought = thought = self._start(ask())
        done, _ = await asyncio.wait([thought], timeout=self._agent.soft_timeout_s)
        if not done:
            words = self._agent.soft_timeout_message
            await self._voice.say(reply(words, seconds=SECONDS_PER_CHARACTER * len(words)))
        return await asyncio.shield(thought)

    async def _heard(self, words: str) -> None:
        event_id = self._out.next_id()
        every = words.split()
        for count in range(1, len(every)):
            fields = {"user_transcript": " ".join(every[:count]), "event_id": event_id}
            name = "tentative_user_transcript"
            await self._out.event(name, "tentative_user_transcription_event", fields)
        fields = {"user_transcript": words, "event_id": event_id}
        await self._out.event("user_transcript", "user_transcription_event", fields)

    async def _tell_usage(self) -> None:
        self._turn += 1
        fields = {
            "event_id": self._out.last_id,
            "model": "stand-in",
            "context_tokens": 400 + 60 * self._turn,
            "context_limit_tokens": CONTEXT_TOKENS,
        }
        await self._out.event("context_usage", "context_usage_event", fields)
