"""An agent behind a service that shows the appliance little more than its voice.

Its functions run at the service, so that a turn is: the user speaks, the agent answers, and the
user may interrupt it. What of that the appliance is told, and how, is the service's affair.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from device.simulator.services.brain import RATE_HZ, Answer, Brain, converted
from device.simulator.services.ears import Started, TurnDetector


@dataclass(frozen=True, slots=True)
class Pace:
    """None of it is documented by any service."""

    piece_ms: int = 40  #: of audio in one message
    speed: float = 20.0  #: audio is sent so many times faster than it plays
    late_pieces: int = 0  #: already on their way when the user interrupts
    silence_ms: int = 500  #: in the stream, that ends the user's turn
    work_s: float = 0.0  #: that a function of the service's takes


class Listener(Protocol):
    """The service's side that faces the appliance."""

    async def user_started(self) -> None: ...

    async def user_stopped(self) -> None: ...

    async def user_said(self, words: str) -> None: ...

    async def agent_started(self, words: str) -> None: ...

    async def agent_audio(self, pcm: bytes) -> None: ...

    async def agent_stopped(self) -> None:
        """Its last audio was sent."""

    async def interrupted(self) -> None:
        """The user spoke while the agent did, or while its audio was still being played."""

    async def failed(self) -> None:
        """It cannot answer."""


class PlainAgent:
    """One turn at a time, each a task. Audio is mono s16le at ``rate_hz`` in both directions."""

    def __init__(self, brain: Brain, rate_hz: int, listener: Listener, pace: Pace) -> None:
        self._brain, self._rate_hz, self._listener, self._pace = brain, rate_hz, listener, pace
        self._ears = TurnDetector(rate_hz, silence_ms=pace.silence_ms)
        self._task: asyncio.Task[None] | None = None
        self._unsent: deque[bytes] = deque()
        self._playing_until = 0.0

    async def hear(self, pcm: bytes) -> None:
        for found in self._ears.hear(pcm):
            if isinstance(found, Started):
                await self._interrupt()
                await self._listener.user_started()
                continue
            await self._listener.user_stopped()
            await self._begin(partial(self._brain.spoken, found.pcm, self._rate_hz))

    async def say(self, words: str) -> None:
        await self._begin(partial(self._brain.written, f'Say: "{words}"'))

    async def stop(self) -> None:
        """Give up whatever it does."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._unsent.clear()

    async def _interrupt(self) -> None:
        unsent = list(self._unsent)
        heard = bool(unsent) or time.monotonic() < self._playing_until
        await self.stop()
        self._playing_until = 0.0
        if heard:
            await self._listener.interrupted()
            for piece in unsent[: self._pace.late_pieces]:
                await self._listener.agent_audio(piece)

    async def _begin(self, ask: Callable[[], Awaitable[Answer]]) -> None:
        await self.stop()
        self._task = asyncio.create_task(self._turn(ask))

    async def _turn(self, ask: Callable[[], Awaitable[Answer]]) -> None:
        try:
            answer = await ask()
            if answer.heard:
                await self._listener.user_said(answer.heard)
            while answer.calls:
                if answer.words:  # as agents do that say that they will have a look
                    await self._speak(answer)
                await asyncio.sleep(self._pace.work_s)
                answer = await self._brain.tools_done(["done"] * len(answer.calls))
        except Exception:
            await self._listener.failed()
            raise
        if answer.words or answer.pcm:
            await self._speak(answer)

    async def _speak(self, answer: Answer) -> None:
        pace, audio = self._pace, converted(answer.pcm, RATE_HZ, self._rate_hz)
        size = 2 * self._rate_hz * pace.piece_ms // 1000
        self._unsent.extend(audio[at : at + size] for at in range(0, len(audio), size))
        await self._listener.agent_started(answer.words)
        while self._unsent:
            piece = self._unsent.popleft()
            await self._listener.agent_audio(piece)
            begins = max(time.monotonic(), self._playing_until)
            self._playing_until = begins + len(piece) / 2 / self._rate_hz
            await asyncio.sleep(pace.piece_ms / 1000 / pace.speed)
        await self._listener.agent_stopped()
