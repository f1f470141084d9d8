"""Which of a service's sound is silence, where nothing but its level tells. Pure; peaks of s16le.

Not all silence is digital: a coder, or a service that fills its pauses with faint noise, leaves
sound of its own behind a reply. So silence is what lies :data:`BELOW_VOICE` under the voice that
was heard. Noise that is a little louder than that is found by what it lacks: a voice that stays so
faint for :data:`FAINT_S`, without a word in the transcript, has stopped; from then on such sound
counts as silence, too. And whatever its level, no reply lasts for ever (:data:`LONGEST_S`).
"""

from __future__ import annotations

SILENCE_DB = -50.0
"""Silent, however faint the voice. Voices of services have their peaks 30 dB above that."""

FAINT_S = 3.0
"""No voice stays so faint, and says nothing, for longer than that."""

LONGEST_S = 600.0
"""Of one reply. A story for the night is not longer."""

BELOW_VOICE = 10 ** (-30 / 20)
GAP_S = 0.3
"""Sound behind such a silence is a voice, until it has lasted."""
_MAY_BE_NOISE = 10 ** (10 / 20)
"""So many times the loudest silence."""
_MARGIN = 1.25
"""Noise that was heard may be so much louder yet."""


class Hush:
    """One session's. ``silence_db``: of full scale. ``at``: seconds of the service's sound."""

    def __init__(self, silence_db: float = SILENCE_DB) -> None:
        self._least = 32768 * 10 ** (silence_db / 20)
        self._voice = self._last_voice = 0
        self._noise = 0.0
        self._began_at = self._clear_at = self._heard_at = 0.0
        self._faint = 0  # the loudest since `_clear_at`
        self._words = False  # some came since the last sound

    def begins(self, at: float) -> None:
        """A reply."""
        self._began_at = self._clear_at = at
        self._words = False

    def words(self) -> None:
        """Of the reply: what is heard of it is a voice, however faint."""
        self._words = True

    def is_silent(self, level: int) -> bool:
        return level <= max(self._told, self._noise)

    def hear(self, level: int, at: float) -> None:
        """Sound that is no silence."""
        self._voice = max(self._voice, level)
        self._faint = max(self._faint, level)
        anew, self._heard_at = at - self._heard_at >= GAP_S, at
        if anew or self._words or level > _MAY_BE_NOISE * self._told:
            self._clear_at, self._faint, self._words = at, 0, False

    def has_stopped(self, at: float) -> bool:
        """The voice, though there is sound."""
        return at - self._clear_at >= FAINT_S

    def learn(self) -> None:
        """What was heard since it has stopped was noise."""
        self._noise = max(self._noise, _MARGIN * self._faint)

    def is_endless(self, at: float) -> bool:
        return at - self._began_at >= LONGEST_S

    def ends(self) -> None:
        """The reply. The next one may be said more softly."""
        self._last_voice, self._voice = self._voice, 0

    @property
    def _told(self) -> float:
        """The loudest silence, as far as the voice tells."""
        return max(self._least, BELOW_VOICE * max(self._voice, self._last_voice))
