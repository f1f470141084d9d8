"""Does the device hear its own wake word? Decided from the reply's own transcript.

A reply that says "alexa" plays through the speaker into the microphones and
fires the wake word. The transcript tells that the word is in the reply; how
much audio had arrived when the word's text arrived, and how far the word
stands in the whole text, bracket the time at which it will be heard. A wake
inside that bracket is taken for the device's own voice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Slack around the bracket: transcripts run ahead of the audio, and the wake
#: engine answers up to 0.2 s after the word's end.
EARLY_MS = 800.0
LATE_MS = 1200.0

_WORD = re.compile(r"[a-z']+")


def spoken_forms(wake_word: str) -> frozenset[str]:
    """Words in a transcript that may fire ``wake_word`` (``hey_jarvis`` -> jarvis)."""
    parts = [p for p in re.split(r"[^a-z]+", wake_word.lower()) if len(p) > 2]
    # The distinctive word fires the model by itself; a lone "hey" or "okay" does not. In the
    # names of files of one's own nobody knows which it is: the longest.
    stock = parts[-1:] if parts[:1] in (["hey"], ["okay"]) else []
    return frozenset(stock or sorted(parts, key=len)[-1:])


@dataclass
class SelfWakeGuard:
    """Follows the reply that plays; asked on every wake during it."""

    _text: str = ""
    _audio_ms: float = 0.0
    _complete: bool = False
    _marks: list[tuple[int, float]] = field(default_factory=list)  # (text length, audio ms)

    def reply_started(self) -> None:
        self._text, self._audio_ms, self._complete, self._marks = "", 0.0, False, []

    def audio_received(self, audio_ms: float) -> None:
        self._audio_ms = max(self._audio_ms, audio_ms)

    def transcript(self, text: str, *, final: bool) -> None:
        """A delta, or the whole text when ``final``."""
        if final:
            self._text = self._text or text.lower()
        else:
            self._text += text.lower()
        self._marks.append((len(self._text), self._audio_ms))

    def reply_complete(self) -> None:
        self._complete = True

    def is_own_voice(self, wake_word: str, heard_ms: float) -> bool:
        """Whether a wake ``heard_ms`` into the reply coincides with the reply's own word."""
        forms = spoken_forms(wake_word)
        for match in _WORD.finditer(self._text):
            word = match.group().removesuffix("'s")
            if word not in forms:
                continue
            early, late = self._bracket(match.start(), match.end())
            if early - EARLY_MS <= heard_ms <= late + LATE_MS:
                return True
        return False

    def _bracket(self, start: int, end: int) -> tuple[float, float]:
        by_share = self._audio_ms * (start + end) / 2 / max(1, len(self._text))
        if self._complete:
            # All text and audio are here: the share of the text is a good clock.
            margin = 0.15 * self._audio_ms
            return by_share - margin, by_share + margin
        arrived = next((ms for length, ms in self._marks if length >= end), self._audio_ms)
        return min(arrived, by_share), max(arrived, by_share) + 2000.0
