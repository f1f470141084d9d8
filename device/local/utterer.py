"""Speaks one response: sentences in, paced pieces of audio out.

Audio is generated faster than it is heard, but not all at once: the first
:data:`BURST_S` at full speed, then ``pace`` times real time, so that a reply
which is interrupted was not made for nothing, and a cancel finds something to
stop. The next sentence is only made when the one before has been sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from device.local.effects import Speak
from device.voice.speaker import Sentence, Speaker
from device.voice.synthesis import RATE_HZ

BURST_S = 1.0
FIRST_DELTA_MS, DELTA_MS = 35, 100
PAUSE_MS = 180  #: between sentences
_BYTES_PER_MS = 2 * RATE_HZ // 1000

Post = Callable[..., None]
"""``post(call, *arguments)`` runs the call in the loop; from any thread."""


class Utterer:
    """One response's voice. All methods: the loop's thread.

    ``on_audio(words, pcm24k)`` gets every piece, with the words that begin in it;
    ``on_end(failure)`` is called once, unless ``stop`` came before.
    """

    def __init__(
        self,
        speaker: Speaker,
        *,
        post: Post,
        room: asyncio.Event,
        on_audio: Callable[[str, bytes], None],
        on_end: Callable[[str | None], None],
        pace: float,
    ) -> None:
        self._speaker = speaker
        self._post = post
        self._room = room
        self._on_audio = on_audio
        self._on_end = on_end
        self._pace = pace
        self._wanted: asyncio.Queue[Speak] = asyncio.Queue()
        self._sentence: Sentence | None = None
        self._buffer = bytearray()
        self._words = ""
        self._sent_ms = 0.0
        self._began = 0.0
        self._task = asyncio.create_task(self._run())

    def say(self, sentence: Speak) -> None:
        """After those before it."""
        self._wanted.put_nowait(sentence)

    def stop(self) -> None:
        """Silence: nothing more is reported."""
        if self._sentence is not None:
            self._sentence.stop()
        self._task.cancel()

    async def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            failure = None
            while failure is None:
                wanted = await self._wanted.get()
                if wanted.text:
                    failure = await self._speak(wanted)
                if wanted.last:
                    break
            self._on_end(failure)

    async def _speak(self, wanted: Speak) -> str | None:
        """One sentence. Returns what went wrong, or None."""
        if self._sent_ms:
            self._buffer += bytes(PAUSE_MS * _BYTES_PER_MS)
        self._words = wanted.text
        made: asyncio.Queue[bytes | str | None] = asyncio.Queue()
        self._sentence = sentence = Sentence(
            wanted.text,
            wanted.voice,
            wanted.speed,
            on_audio=lambda pcm: self._post(made.put_nowait, pcm),
            on_done=lambda why: self._post(made.put_nowait, why),
        )
        self._speaker.say(sentence)
        while isinstance(piece := await made.get(), bytes):
            self._buffer += piece
            await self._send(flush=False)
        await self._send(flush=True)
        self._sentence = None
        return piece

    async def _send(self, *, flush: bool) -> None:
        """Hand over what is buffered in whole pieces; ``flush``: the rest as well."""
        loop = asyncio.get_running_loop()
        while len(self._buffer) >= (1 if flush else self._piece_bytes):
            await self._room.wait()
            if not self._began:
                self._began = loop.time()
            ahead = self._sent_ms / 1000 - BURST_S - (loop.time() - self._began) * self._pace
            if self._pace > 0 and ahead > 0:
                await asyncio.sleep(ahead / self._pace)
            piece, words = bytes(self._buffer[: self._piece_bytes]), self._words
            del self._buffer[: len(piece)]
            self._words = ""
            self._sent_ms += len(piece) / _BYTES_PER_MS
            self._on_audio(words, piece)

    @property
    def _piece_bytes(self) -> int:
        return _BYTES_PER_MS * (DELTA_MS if self._sent_ms else FIRST_DELTA_MS)
