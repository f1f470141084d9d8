"""The input audio buffer: turns that the service finds, turns that the client ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from device.simulator.services.ears import Started, TurnDetector
from device.simulator.services.openai_audio import Format
from device.simulator.services.openai_items import Item, new_id
from device.simulator.services.openai_settings import MAX_WAIT_MS, SILENCE_MS
from device.simulator.services.openai_shapes import RefusalError, decoded

if TYPE_CHECKING:
    from device.simulator.services.openai_session import Session

LEAST_MS = 100  #: of audio in a commit
LONGEST_SILENCE_MS = 2000  #: that is committed after the idle time-out


class Turns:
    """Of one session. Times are those of the stream, but for the idle time-out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._detector: TurnDetector | None = None
        self._buffer = bytearray()
        self._format: Format | None = None
        self._base_ms = 0
        self._heard_bytes = 0
        self._item_id = new_id("item")
        self._idle: asyncio.Task[None] | None = None

    @property
    def heard_ms(self) -> int:
        """Of audio so far."""
        rate_hz = self._session.settings.heard.rate_hz
        return self._base_ms + self._heard_bytes * 1000 // (2 * rate_hz)

    def configure(self) -> None:
        """After the settings have changed."""
        settings = self._session.settings
        left = self._take()
        if self._format is not None and self._format.rate_hz != settings.heard.rate_hz:
            left = b""
        self._base_ms = 0 if self._format is None else self._past_ms(self._format.rate_hz)
        self._heard_bytes, self._format = 0, settings.heard
        self._buffer, self._detector = bytearray(), None
        self.rest()
        if settings.detection is None:
            self._buffer += left
            return
        self._detector = TurnDetector(
            settings.heard.rate_hz,
            silence_ms=settings.silence(SILENCE_MS if self._session.owner.certain else MAX_WAIT_MS),
            prefix_ms=settings.detection.get("prefix_padding_ms", 300),
        )

    def _past_ms(self, rate_hz: int) -> int:
        return self._base_ms + self._heard_bytes * 1000 // (2 * rate_hz)

    async def append(self, data: bytes) -> None:
        pcm = self._session.settings.heard.to_pcm(data, "audio")
        self._heard_bytes += len(pcm)
        if self._detector is None:
            self._buffer += pcm
            return
        for found in self._detector.hear(pcm):
            if isinstance(found, Started):
                await self._started(found.at_ms)
            else:
                await self._stopped(found.at_ms, found.pcm)

    async def append_text(self, audio: str) -> None:
        await self.append(decoded(audio, "audio"))

    async def commit(self) -> None:
        """By the client; it makes an item and starts no response."""
        pcm = self._take()
        ms = len(pcm) * 1000 / (2 * self._session.settings.heard.rate_hz)
        if ms < LEAST_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{LEAST_MS}ms of audio, but buffer only has {ms:.2f}ms of audio."
            )
            raise RefusalError("input_audio_buffer_commit_empty", message)
        await self._commit(pcm)

    async def clear(self) -> None:
        self._take()
        self._item_id = new_id("item")
        await self._session.send("input_audio_buffer.cleared")

    def _take(self) -> bytes:
        pcm = bytes(self._buffer) if self._detector is None else self._detector.take()
        self._buffer.clear()
        return pcm

    async def _started(self, at_ms: int) -> None:
        session = self._session
        detection = session.settings.detection or {}
        self.rest()
        start = max(0, self._base_ms + at_ms - detection.get("prefix_padding_ms", 300))
        await session.send(
            "input_audio_buffer.speech_started", audio_start_ms=start, item_id=self._item_id
        )
        if detection.get("interrupt_response", True):
            session.replies.stop("turn_detected")

    async def _stopped(self, at_ms: int, pcm: bytes) -> None:
        session = self._session
        await session.send(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=self._base_ms + at_ms,
            item_id=self._item_id,
        )
        await self._commit(pcm)
        if (session.settings.detection or {}).get("create_response", True):
            await session.replies.create_when_free()

    async def _commit(self, pcm: bytes, *, speech: bool = True) -> None:
        session = self._session
        heard = Format("pcm", session.settings.heard.rate_hz)
        data = {
            "id": self._item_id, "type": "message", "role": "user", "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }  # fmt: skip
        item = Item(data, pcm, heard)
        self._item_id = new_id("item")
        before = session.items.last_id()
        await session.send("input_audio_buffer.committed", item_id=item.id, previous_item_id=before)
        await session.add(item)
        if speech and session.settings.transcribes:
            session.spawn(session.transcribe(item))

    # --- nobody says anything -------------------------------------------------------------

    def rest(self) -> None:
        """The idle time is over, for whatever reason."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def wait(self, playing_s: float) -> None:
        """A response is done that takes so long to play yet."""
        self.rest()
        idle_ms = (self._session.settings.detection or {}).get("idle_timeout_ms")
        if idle_ms is not None:
            self._idle = self._session.spawn(self._wait(playing_s, idle_ms))

    async def _wait(self, playing_s: float, idle_ms: int) -> None:
        await asyncio.sleep(playing_s + idle_ms / 1000)
        self._idle = None
        session, rate_hz = self._session, self._session.settings.heard.rate_hz
        end = self.heard_ms
        await session.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=max(0, end - idle_ms),
            audio_end_ms=end,
            item_id=self._item_id,
        )
        silence = bytes(2 * rate_hz * min(idle_ms, LONGEST_SILENCE_MS) // 1000)
        self._take()
        await self._commit(silence, speech=False)
        await session.replies.create_when_free()
