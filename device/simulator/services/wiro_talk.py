"""What both of Wiro's voice products share: frames of audio, and turns with the model behind them.

A frame is the run's token (or the session's id), a bar, and mono s16le at 24 kHz; the samples may
contain bars, so it is cut at the first one. How long the frames of a reply are is not documented.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from device.simulator.services.brain import RATE_HZ, Answer, Brain
from device.simulator.services.ears import Started, TurnDetector

BAR = b"|"
BYTES_PER_S = 2 * RATE_HZ
MOST_CALLS = 5  #: of tools in a row, after which a turn stays without an answer


def frame(name: str, pcm: bytes) -> bytes:
    return name.encode() + BAR + pcm


def unframe(name: str, data: bytes) -> bytes | str:
    """The samples of a frame, or what is wrong with it."""
    shown, bar, pcm = data.partition(BAR)
    if not bar:
        return "a binary frame without a bar"
    if shown != name.encode():
        return "a binary frame with another name before the bar"
    if len(pcm) % 2:
        return "a binary frame with half a sample"
    return pcm


def with_bar(pcm: bytes) -> bytes:
    """The samples, one of them changed as little as can be so that they contain a bar."""
    if BAR in pcm or len(pcm) < 2:
        return pcm
    samples = np.frombuffer(pcm, "<i2").copy()
    changed = (samples.astype(np.int32) & ~0xFF) | BAR[0]
    at = int(np.argmin(np.abs(changed - samples)))
    samples[at] = changed[at]
    return samples.tobytes()


@dataclass(frozen=True, slots=True)
class Cut:
    """What was going on when it was cut. ``words``: as far as they had been sent."""

    busy: bool = False
    words: str = ""
    left: tuple[bytes, ...] = field(default=(), repr=False)


class Stage(Protocol):
    """A product's own way to say what happens in a turn."""

    async def speech_started(self) -> None: ...

    async def turn_taken(self, pcm: bytes) -> None: ...

    async def heard(self, text: str) -> None: ...

    async def begins(self) -> None: ...

    async def audio(self, pcm: bytes) -> None: ...

    async def said(self, words: str) -> None: ...

    async def ended(self) -> None: ...

    def failed(self, error: BaseException) -> None: ...

    def called(self, name: str) -> None: ...


class Talk:
    """The turns of one conversation; event loop only. ``pace``: how much of a frame's own length
    lies between it and the next one (1: real time, 0: all at once). ``halt_s``: in the middle of
    an answer, as while a tool is asked."""

    def __init__(
        self,
        brain: Brain,
        stage: Stage,
        *,
        silence_ms: int,
        piece_ms: int,
        pace: float,
        halt_s: float = 0.0,
    ) -> None:
        self._brain, self._stage, self._pace, self._halt_s = brain, stage, pace, halt_s
        self._piece = BYTES_PER_S * piece_ms // 1000
        self._ears = TurnDetector(RATE_HZ, silence_ms=silence_ms)
        self._turns: list[bytes | str] = []
        self._task: asyncio.Task[None] | None = None
        self._thought: asyncio.Task[Answer] | None = None
        self._left: list[bytes] = []
        self._pieces = 0
        self._words = ""
        self._closing = False

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def speaking(self) -> bool:
        """The person is."""
        return self._ears.speaking

    async def hear(self, pcm: bytes) -> None:
        for found in self._ears.hear(pcm):
            if isinstance(found, Started):
                await self._stage.speech_started()
            else:
                await self._stage.turn_taken(found.pcm)
                self.ask(found.pcm)

    def ask(self, turn: bytes | str) -> None:
        """Answer it, after what is being answered."""
        self._turns.append(turn)
        if not self.busy:
            self._task = asyncio.create_task(self._answer_all())
            self._task.add_done_callback(self._done)

    async def cut(self) -> Cut:
        """Stop thinking and speaking. A reply that is complete but for its last messages is
        completed: it is too late to cut it."""
        self._turns.clear()
        task = self._task
        if task is None or task.done():
            return Cut()
        if self._closing:
            await asyncio.wait([task])
            return Cut()
        task.cancel()
        await asyncio.wait([task])
        words = self._words.split()
        sent = self._pieces - len(self._left)
        cut = Cut(
            busy=True,
            words=" ".join(words[: len(words) * sent // max(1, self._pieces)]),
            left=tuple(self._left),
        )
        self._left, self._words, self._pieces = [], "", 0
        return cut

    async def stop(self) -> None:
        """For good; nothing of it goes on afterwards."""
        self._turns.clear()
        tasks = [task for task in (self._task, self._thought) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer_all(self) -> None:
        while self._turns:
            await self._give(await self._think(self._turns.pop(0)))

    async def _think(self, turn: bytes | str) -> Answer:
        # A brain answers one thing at a time and may not be stopped in the middle: the thought
        # that a cut has made useless is waited for, not cancelled.
        if self._thought is not None and not self._thought.done():
            await asyncio.wait([self._thought])
        self._thought = asyncio.create_task(self._ask_brain(turn))
        return await asyncio.shield(self._thought)

    async def _ask_brain(self, turn: bytes | str) -> Answer:
        brain = self._brain
        if isinstance(turn, bytes):
            answer = await brain.spoken(turn, RATE_HZ)
        else:
            answer = await brain.written(turn)
        heard = answer.heard
        for _ in range(MOST_CALLS):
            if not answer.calls:
                break
            for call in answer.calls:
                self._stage.called(call.name)
            answer = await brain.tools_done(["there is no such tool"] * len(answer.calls))
        return replace(answer, heard=heard)

    async def _give(self, answer: Answer) -> None:
        stage, size = self._stage, self._piece
        if answer.heard:
            await stage.heard(answer.heard)
        self._words = answer.words
        self._left = [answer.pcm[at : at + size] for at in range(0, len(answer.pcm), size)]
        self._pieces = len(self._left)
        await stage.begins()
        while self._left:
            if self._halt_s and len(self._left) == self._pieces // 2:
                await asyncio.sleep(self._halt_s)
            piece = self._left.pop(0)
            await stage.audio(with_bar(piece))
            await asyncio.sleep(self._pace * len(piece) / BYTES_PER_S)
        self._closing = True
        try:
            if answer.words:
                await stage.said(answer.words)
            await stage.ended()
        finally:
            self._closing = False

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stage.failed(error)
