"""Does the device hear its own wake word? Decided from the text of what it says.

What it says, a reply or a phrase of its own, plays through the speaker into the microphones,
and "alexa" in it fires the wake word. The text tells that the word is in it; how much audio
had arrived when the word's text arrived, and how far the word stands in the whole text,
bracket the time at which it will be heard. A wake inside that bracket is taken for the
device's own voice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Slack around the bracket: transcripts run ahead of the audio, and the wake
#: engine answers up to 0.2 s after the word's end.
EARLY_MS = 800.0
LATE_MS = 1200.0
#: The last word of what was said is told of so much later: converter, room, engine.
TAIL_S = 0.5
#: How fast a synthesiser speaks, where only the text is known: no faster than most, for the
#: bracket begins early enough anyhow.
MS_PER_CHARACTER = 75.0
#: Of more than so many texts the oldest is over.
_REMEMBERED = 8

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
    """Follows one thing that is said; asked on every wake while it is heard."""

    _text: str = ""
    _audio_ms: float = 0.0
    _complete: bool = False
    _marks: list[tuple[int, float]] = field(default_factory=list)  # (text length, audio ms)
    _heard_from: float | None = None
    _heard_until: float | None = None

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

    def sounds(self, at: float) -> None:
        """Its first sample is heard."""
        self._heard_from = at

    def falls_silent(self, at: float) -> None:
        """Its last sample was heard, or it was cut."""
        self._heard_until = at

    def says(self, wake_word: str, now: float) -> bool:
        """Whether a wake of ``now`` is this text's own word."""
        if self._heard_from is None:
            return False
        if self._heard_until is not None and now > self._heard_until + TAIL_S:
            return False
        return self.is_own_voice(wake_word, (now - self._heard_from) * 1000)

    def is_own_voice(self, wake_word: str, heard_ms: float) -> bool:
        """Whether a wake ``heard_ms`` into what is said coincides with a word of it."""
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


class OwnWords:
    """All that the device says: the parts of a reply, phrases, signs that a reply is on its
    way. Each by the name that playback knows it by; one may be said while another arrives."""

    def __init__(self) -> None:
        self._said: dict[str, SelfWakeGuard] = {}

    def begins(self, speech_id: str, text: str = "") -> None:
        """Something is about to be said. ``text``: all of it, where it is known before."""
        self._said.pop(speech_id, None)
        self._said[speech_id] = guard = SelfWakeGuard()
        if text:
            guard.transcript(text, final=True)
            guard.audio_received(len(text) * MS_PER_CHARACTER)
        while len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]

    def of(self, speech_id: str) -> SelfWakeGuard:
        """What is known of ``speech_id``; of a stranger nothing, and what is told of it is
        forgotten."""
        return self._said.get(speech_id) or SelfWakeGuard()

    def hold(self, wake_word: str, now: float) -> bool:
        """Whether a wake of ``now`` is a word of the device's own."""
        return any(guard.says(wake_word, now) for guard in self._said.values())
