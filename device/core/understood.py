"""Nothing of what was said could be understood: when to say so. Pure.

Saying so beats guessing, and beats silence. But a cough is no question, and whoever tries
again needs no second apology: then the cue that listening ended is enough.
"""

from __future__ import annotations

import re

#: Speech of this length, meant for the device, is no cough.
SPEECH_MS = 1000
#: Two turns in vain with more than this between them have nothing to do with each other.
FORGOTTEN_S = 60.0

_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)|<[^>]*>|\*[^*]*\*|♪[^♪]*♪")
_WORD = re.compile(r"\w[\w']*")
#: Yes, and no.
_MEANT = re.compile(r"\bm+[- ]?h+m+\b|\bn?uh+-h?uh+\b")
#: Sounds, not words.
_SOUNDS = re.compile(
    r"(?:u+[hm]+|e+r+m*|a+h+|o+h+|e+h+|h+m+|mm+|ä+h*m*|ö+h*m*|e+u+h+|h+e+u+|ha+|p+f+t*|t+s+k+)"
)
#: What transcribers are known to write down where nothing was said.
_OF_NOTHING = frozenset(
    {
        "you",
        "thanks for watching",
        "thank you for watching",
        "please subscribe",
        "subtitles by the amara org community",
        "silence",
        "music",
        "applause",
        "inaudible",
        "blank audio",
    }
)


def has_words(transcript: str) -> bool:
    """Whether a final transcript holds anything to answer: not just noise written down."""
    said = _ASIDE.sub(" ", transcript.lower().replace("’", "'").replace("_", " "))
    words = _WORD.findall(said)
    if " ".join(words) in _OF_NOTHING:
        return False
    return bool(_MEANT.search(said)) or any(_SOUNDS.fullmatch(word) is None for word in words)


class Understood:
    """Counts turns of which nothing was understood, and tells when to say so.

    ``service_says_so``: the service answers such a turn with words of that kind itself (the
    offline one does), so an empty transcript is its matter.
    """

    def __init__(self, *, service_says_so: bool) -> None:
        self.service_says_so = service_says_so
        self._in_vain = 0
        self._just_said = False
        self._last_at = float("-inf")

    def transcript(
        self,
        text: str,
        now: float,
        *,
        reply_has_begun: bool,
        addressed: bool,
        speech_ms: int | None = None,
    ) -> bool:
        """The final transcript of a turn. True: give up the answer that is a guess, and say that
        nothing was understood.

        Once the reply has begun to arrive it is not taken away: transcripts are made by another
        model than the answer, which may have understood a short "yes" that this one missed.
        ``addressed`` and ``speech_ms`` as in ``not_taken``.
        """
        if has_words(text):
            self.understood()
            return False
        if self.service_says_so or reply_has_begun:
            return False
        return self._nothing(now, addressed, speech_ms)

    def not_taken(self, now: float, *, addressed: bool, speech_ms: int | None = None) -> bool:
        """The service took no turn from speech that the device heard. True: say so.

        ``addressed``: wake word or button opened this turn. ``speech_ms``: of it, how much was
        speech for the device's own detector, None if that is not known.
        """
        return self._nothing(now, addressed, speech_ms)

    def understood(self) -> None:
        """A turn had words, or a reply to it began."""
        self._in_vain, self._just_said = 0, False

    def _nothing(self, now: float, addressed: bool, speech_ms: int | None) -> bool:
        if now - self._last_at > FORGOTTEN_S:
            self.understood()
        self._last_at = now
        self._in_vain += 1
        meant = addressed and speech_ms is not None and speech_ms >= SPEECH_MS
        self._just_said = not self._just_said and (meant or self._in_vain > 1)
        return self._just_said
