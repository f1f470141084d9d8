"""The Live model's part of the conversation: when it listens, speaks, stops and hands over.

Nothing of it is told to the client but by the two transcripts and the audio itself.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from device.simulator.services.brain import Answer, Brain
from device.simulator.services.ears import Started, Stopped, TurnDetector
from device.simulator.services.openai_live_backend import Delegations
from device.simulator.services.openai_live_outbox import Manners, Outbox
from device.simulator.services.openai_live_schema import LiveError
from device.simulator.services.openai_live_sound import (
    FRAME_MS,
    SLOT_MS,
    Codec,
    Fragment,
    Mouth,
    fragments,
)


@dataclass(frozen=True, slots=True)
class Appended:
    """Context that waits for its place on the time line."""

    channel: str
    content: str
    delegation: str | None
    client_event_id: str | None


class Talk:
    """The time line advances by what is passed to :meth:`hear`, and with it everything else.

    ``on_reply`` is awaited at each frame in which the model speaks.
    """

    def __init__(
        self,
        outbox: Outbox,
        codec: Codec,
        brain: Brain,
        manners: Manners,
        on_reply: Callable[[], Awaitable[None]],
    ) -> None:
        self._outbox, self._codec, self._brain = outbox, codec, brain
        self._manners, self._on_reply = manners, on_reply
        self._detector = TurnDetector(codec.rate_hz)
        self._mouth = Mouth(codec.rate_hz)
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._waiting: list[Appended] = []
        self._rest = b""
        self._order = asyncio.Lock()
        self._began_ms = 0
        self._turns = 0  #: that the person has begun
        self._overlap_ms = 0
        self.muted = False
        self.delegations: Delegations | None = None

    @property
    def ms(self) -> int:
        """Of the session's time line so far."""
        return self._mouth.ms

    @property
    def fixture(self) -> bool:
        return self._mouth.fixture

    @property
    def unplaced(self) -> list[Appended]:
        return self._waiting

    # --- asked of the model -----------------------------------------------------------

    async def think(self) -> None:
        """Do what the brain is asked, one thing at a time; until cancelled."""
        while True:
            await (await self._jobs.get())()

    def submit(self, job: Callable[[], Awaitable[None]]) -> None:
        self._jobs.put_nowait(job)

    def say(self, answer: Answer) -> None:
        self._mouth.say(answer.words, answer.pcm)

    def append(self, context: Appended) -> None:
        if self.fixture:
            message = "Context cannot be appended while an audio fixture is active."
            raise LiveError("invalid_value", message, "type")
        assert self.delegations is not None
        self.delegations.check(context.delegation)
        self._waiting.append(context)

    def stop(self) -> None:
        """In the middle of the word."""
        self._mouth.hush()

    def play(self, pcm: bytes, fixture: str) -> None:
        if self.fixture:
            raise LiveError("invalid_value", "Another audio fixture is active.", "type")
        self._detector.take()
        self._mouth.play(pcm, fixture)

    # --- the time line ----------------------------------------------------------------

    async def hear(self, wire: bytes) -> None:
        """Audio in the session's format, in pieces of any length."""
        async with self._order:
            self._rest += wire
            size = self._codec.rate_hz * FRAME_MS // 1000 * self._codec.sample_bytes
            while len(self._rest) >= size and not self._outbox.shut:
                frame, self._rest = self._rest[:size], self._rest[size:]
                pcm = self._codec.decode(frame)
                if self.muted or self.fixture:
                    pcm = bytes(len(pcm))
                self._listen(pcm)
                await self._place()
                await self._speak()
                await asyncio.sleep(0)

    def _listen(self, pcm: bytes) -> None:
        for found in self._detector.hear(pcm):
            match found:
                case Started():
                    self._turns += 1
                    self._began_ms = found.at_ms
                case Stopped():
                    turn = (found, self._began_ms, self._turns)
                    self.submit(lambda turn=turn: self._answer(*turn))  # type: ignore[misc]
        talking = self._detector.speaking and self._mouth.speaking
        self._overlap_ms = self._overlap_ms + FRAME_MS if talking else 0
        if self._manners.yields and self._overlap_ms >= self._manners.yield_after_ms:
            self._mouth.hush()

    async def _answer(self, turn: Stopped, began_ms: int, number: int) -> None:
        answer = await self._brain.spoken(turn.pcm, self._codec.rate_hz)
        for fragment in fragments(answer.heard, began_ms, turn.at_ms):
            await self._transcript("input", fragment)
        if answer.calls:
            assert self.delegations is not None
            await self.delegations.begin(answer.calls, turn.at_ms)
        elif number == self._turns or not self._manners.yields:
            self.say(answer)

    async def _place(self) -> None:
        """Context takes its place when the time line moves."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            start_ms = self.ms - self.ms % SLOT_MS
            await self._outbox.post(
                f"session.{one.channel}.appended",
                start_ms=start_ms,
                end_ms=start_ms + SLOT_MS,
                client_event_id=one.client_event_id,
            )
            self._outbox.record.appended.append((one.channel, one.content, one.delegation))
            if one.channel == "commentary":
                self._comment(one.content, one.delegation)

    def _comment(self, content: str, delegation: str | None) -> None:
        assert self.delegations is not None
        if delegation is not None and self.delegations.deliver(delegation, content):
            return
        self.submit(lambda: self._voice(content))

    async def _voice(self, content: str) -> None:
        self.say(await self._brain.written(content))

    async def _speak(self) -> None:
        hold = self._detector.speaking and self._manners.yields
        frame = self._mouth.next(hold=hold)
        for fragment in frame.said:
            await self._transcript("output", fragment)
        delta = self._codec.encode(frame.pcm)
        await self._outbox.audio(base64.b64encode(delta).decode())
        if frame.drained is not None:
            client_event_id = frame.drained or None
            kind = "session.output_audio.fixture.played"
            await self._outbox.post(kind, client_event_id=client_event_id)
        if frame.voice:
            await self._on_reply()

    async def _transcript(self, side: str, fragment: Fragment) -> None:
        await self._outbox.post(
            f"session.{side}_transcript.delta",
            delta=fragment.text,
            start_ms=fragment.start_ms,
            end_ms=fragment.end_ms,
        )
