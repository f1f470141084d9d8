"""libespeak-ng in this process: the first samples come within a millisecond or two."""

from __future__ import annotations

from pathlib import Path

from device.audio.resample import StreamResampler
from device.voice.espeak_library import Block, EspeakLibrary
from device.voice.synthesis import RATE_HZ, LeadTrimmer, Sink

_WORDS_PER_MINUTE = 165
_SLOWEST_WPM, _FASTEST_WPM = 80, 450
_BLOCK_MS = 40

VOICES = {
    "en-gb": "en",
    "en-us": "en-us",
    "en-gb-f": "en+f3",
    "en-us-f": "en-us+f3",
    "scottish": "en-GB-scotland",
    "received": "en-GB-x-rp",
}
"""Names offered to clients -> espeak-ng's own (language, plus a variant)."""


class Espeak:
    """A :class:`device.voice.synthesis.Synthesiser`. Create it in the thread that speaks."""

    def __init__(
        self, library: Path | None = None, data: Path | None = None, language: str = "en"
    ) -> None:
        """``language`` (ISO 639-1) is what the default voice speaks. One that espeak-ng does
        not know is a ModelError when something is said."""
        english = language.lower() in {"", "en"}
        self._default = next(iter(VOICES.values())) if english else language.lower()
        self._library = EspeakLibrary(_BLOCK_MS, library, data)
        self._resampler = StreamResampler(self._library.rate_hz, RATE_HZ, "HQ")

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(VOICES)

    def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
        self._library.choose(VOICES.get(voice, self._default))
        wpm = min(_FASTEST_WPM, max(_SLOWEST_WPM, round(_WORDS_PER_MINUTE * speed)))
        self._library.set_speed(wpm)
        self._resampler.reset()
        trimmer = LeadTrimmer(self._library.rate_hz)

        def take(block: Block, last: bool) -> bool:
            out = self._resampler.process(trimmer.push(block), last=last)
            return out.size == 0 or sink(out)

        self._library.speak(text, take)

    def close(self) -> None:
        self._library.close()
