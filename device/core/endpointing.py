"""How long a silence must last to end somebody's turn. Pure; the time is passed in.

People pause in mid-sentence, each in his own way, and pauses are distributed log-normally
(Campione and Véronis, "A large-scale multilingual study of silent pause duration", 2002).
So the silence that ends a turn begins as ``[turn] silence_ms`` and is scaled by

- this speaker: every pause after which he went on moves the estimate of his median and makes
  it surer (normal-normal Bayes on the logarithm). What is unknown costs waiting, so being
  surer shortens it;
- how finished the turn sounds (:class:`device.events.TurnJudged`), where that was judged in
  time: shortened when it plainly is, stretched when it plainly is not. Without a verdict the
  silence is the speaker's;
- ``eagerness``, and bounds. With "fixed" it is ``silence_ms``, whoever speaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from device.settings import TurnSettings

SAME_TURN_S = 2.0
"""Speech this soon after the last word is taken for the end of a pause, not for another turn."""

_TYPICAL_PAUSE_S = 0.55
_SHORTEST_PAUSE_S = 0.3  # below it there is a stop within a phrase, which ends no turn anyhow
#: Standard deviations of a pause's logarithm.
_BETWEEN_SPEAKERS, _WITHIN_SPEAKER = 0.3, 0.4
#: How far into the tail of somebody's pauses the silence lies, in standard deviations.
_TAIL = 1.5
#: What a verdict of 0 makes of the silence, as a logarithm; a verdict of 1 the opposite. Not
#: more: on read speech the model is often wrong (``scripts/bench_parts/acoustics/turn_rows.py``).
_WEIGHT = 0.4
#: As logarithms, too.
_EAGERNESS = {"low": 0.3, "medium": 0.0, "high": -0.3}


@dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for, on the clock of the times that were passed in."""

    end_at: float  #: the turn ends then, if nobody speaks before; it may have passed already
    judge: bool  #: ask whether the turn sounds finished: the answer would matter


class EndOfTurn:
    """One conversation at a time. Never raises, in whatever order it is called."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._ended_at: float | None = None  # of the last sound, until speech goes on
        self.new_conversation()

    def apply(self, settings: TurnSettings) -> None:
        """Take other settings into force; what was learned stays."""
        self._settings = settings

    def new_conversation(self) -> None:
        """Somebody else may speak: forget what was learned."""
        self._pauses = 0
        self._sum_of_logs = 0.0
        self._ended_at = None

    def new_turn(self) -> None:
        """A turn begins, or the reply is heard: no silence until now was a pause in a turn."""
        self._ended_at = None

    def speech_started(self, at: float) -> None:
        """Speech began, ``at`` its first sound: the silence before it was a pause.

        Where somebody is heard after the turn was ended, it may be told as well, up to
        :data:`SAME_TURN_S` after the last word and before :meth:`new_turn`: that somebody was
        cut off is the best lesson. (The appliance does not listen while a reply is awaited.)
        """
        ended_at, self._ended_at = self._ended_at, None
        if ended_at is not None and _SHORTEST_PAUSE_S <= at - ended_at <= SAME_TURN_S:
            self._pauses += 1
            self._sum_of_logs += math.log((at - ended_at) / _TYPICAL_PAUSE_S)

    def speech_ended(self, at: float) -> Wait:
        """Silence since ``at``, the end of the last sound."""
        self._ended_at = at
        return Wait(at + self.silence_s(None), self._settings.eagerness != "fixed")

    def judged(self, finished: float) -> Wait | None:
        """How finished the turn sounds, 0 to 1. None: somebody speaks again, nobody asked."""
        if self._ended_at is None:
            return None
        return Wait(self._ended_at + self.silence_s(finished), judge=False)

    def silence_s(self, finished: float | None) -> float:
        """The silence that ends a turn of this speaker that sounds so ``finished``."""
        settings = self._settings
        if settings.eagerness == "fixed":
            return settings.silence_ms / 1000
        verdict = 0.0 if finished is None else _WEIGHT * (1 - 2 * min(max(finished, 0.0), 1.0))
        scale = _EAGERNESS[settings.eagerness] + self._learned() + verdict
        silence_ms = settings.silence_ms * math.exp(scale)
        # Whoever sets silence_ms beyond a bound means it.
        shortest_ms = min(settings.shortest_silence_ms, settings.silence_ms)
        longest_ms = max(settings.longest_silence_ms, settings.silence_ms)
        return min(max(silence_ms, shortest_ms), longest_ms) / 1000

    def _learned(self) -> float:
        """The logarithm of what this speaker's pauses make of the silence."""
        prior, each = 1 / _BETWEEN_SPEAKERS**2, 1 / _WITHIN_SPEAKER**2
        certainty = prior + self._pauses * each
        shift = self._sum_of_logs * each / certainty
        spread = math.sqrt(_WITHIN_SPEAKER**2 + 1 / certainty)
        return shift + _TAIL * (spread - math.hypot(_WITHIN_SPEAKER, _BETWEEN_SPEAKERS))
