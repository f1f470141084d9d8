"""The device's own words, said with the voice that is on the device.

Nothing is loaded before the first phrase: most appliances hardly ever say one, and where
the service speaks for itself none is needed. A phrase is made whole, which takes some tens
of milliseconds, and kept, because the same few are said again and again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from device.audio.resample import resample
from device.events import PhraseAudio, PhraseFailed
from device.ports import Post
from device.voice.speaker import Sentence, Speaker
from device.voice.synthesis import RATE_HZ, Synthesiser

LONGEST_CHARS = 300
"""Of a phrase: some 20 s of speech. What is longer is no phrase, but a mistake."""

KEPT = 16
"""Texts whose sound is kept, the last ones used: some 80 kB each."""


class LocalPhrases:
    """A :class:`device.ports.PhraseSpeaker`. ``create`` runs in the voice's own thread.

    ``rate_hz``: of the sound that is posted. ``voice``: a name that the synthesiser knows, or
    its default. Nothing is done to the level, so a phrase is as loud as the offline service.
    """

    def __init__(
        self, post: Post, create: Callable[[], Synthesiser], rate_hz: int, voice: str = ""
    ) -> None:
        self._post = post
        self._create = create
        self._rate_hz = rate_hz
        self._voice = voice
        self._lock = threading.Lock()  # held for look-ups and posts, never while speaking
        self._speaker: Speaker | None = None
        self._under_way: list[Sentence] = []
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._stopped = False

    def say(self, phrase_id: str, text: str) -> None:
        """Post PhraseAudio or PhraseFailed, soon. Any thread; never blocks."""
        words = " ".join(text.split())
        with self._lock:
            if self._stopped:
                return
            if not words:
                self._post(PhraseFailed(phrase_id, "there is nothing to say"))
            elif len(words) > LONGEST_CHARS:
                long = f"a phrase has at most {LONGEST_CHARS} characters, not {len(words)}"
                self._post(PhraseFailed(phrase_id, long))
            elif words in self._kept:
                self._kept.move_to_end(words)
                self._post(PhraseAudio(phrase_id, self._kept[words]))
            else:
                self._make(phrase_id, words)

    def stop(self) -> None:
        """Nothing is posted afterwards. Waits for the voice's thread, at most 1 s."""
        with self._lock:
            self._stopped = True
            for sentence in self._under_way:
                sentence.stop()
            speaker = self._speaker
        if speaker is not None:
            speaker.stop()

    def _make(self, phrase_id: str, words: str) -> None:
        pieces: list[bytes] = []
        sentence = Sentence(
            words,
            self._voice,
            1.0,
            on_audio=pieces.append,
            on_done=lambda why: self._made(phrase_id, sentence, pieces, why),
        )
        if self._speaker is None:
            self._speaker = Speaker(self._create)
            self._speaker.start()
        self._under_way.append(sentence)
        self._speaker.say(sentence)

    def _made(
        self, phrase_id: str, sentence: Sentence, pieces: list[bytes], why: str | None
    ) -> None:
        """The voice's thread."""
        spoken = np.frombuffer(b"".join(pieces), np.int16)
        if why is None and not spoken.size:
            why = "the voice made no sound of it"
        pcm = b"" if why is not None else resample(spoken, RATE_HZ, self._rate_hz).tobytes()
        with self._lock:
            self._under_way = [other for other in self._under_way if other is not sentence]
            if self._stopped:
                return
            if why is not None:
                self._post(PhraseFailed(phrase_id, why))
                return
            self._kept[sentence.text] = pcm
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            self._post(PhraseAudio(phrase_id, pcm))
