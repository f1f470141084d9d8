"""How long a silence must last to end somebody's turn. Pure; the time is passed in.

A turn is ended when it has become unlikely enough that the silence is yet a pause. How likely
that is falls as the silence grows, because pauses are distributed log-normally (Campione and
Véronis, "A large-scale multilingual study of silent pause duration", 2002). With

- S(t), the part of this speaker's pauses that last longer than t, and
- L, how much likelier what was heard is at the end of a turn than in a pause
  (:class:`device.events.TurnJudged`; 1 where nothing was judged in time)

the odds of a pause after t are those before it times S(t) / L (Bayes; at the end of a turn
silence goes on for certain). They are compared with what a stranger's are after ``[turn]
silence_ms`` when nothing is known of how he sounds. So the turn ends as soon as
S(t) = L * S_stranger(silence_ms).

The speaker's pauses are learned within the conversation: every pause after which he went on moves
the estimate of his median and makes it surer (normal-normal Bayes on the logarithm). What is
unknown costs waiting, so being surer shortens it. ``eagerness`` scales the result, and it has
bounds. With "fixed" it is ``silence_ms``, whoever speaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from device.settings import TurnSettings

SAME_TURN_S = 2.0
"""Speech this soon after the last word is taken for the end of a pause, not for another turn."""

_TYPICAL_PAUSE_S = 0.55
_SHORTEST_PAUSE_S = 0.3  # below it there is a stop within a phrase, which ends no turn anyhow
#: Standard deviations of a pause's logarithm.
_BETWEEN_SPEAKERS, _WITHIN_SPEAKER = 0.3, 0.4
_STRANGER = NormalDist(math.log(_TYPICAL_PAUSE_S), math.hypot(_BETWEEN_SPEAKERS, _WITHIN_SPEAKER))
#: No verdict is surer: at most so much likelier is what was heard, as a logarithm.
_MOST_EVIDENCE = 4.0
_LEAST_CHANCE = 1e-9  # of a pause to last so long: beyond it the tail is not known
#: What it makes of the silence, as a logarithm.
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

        Where somebody goes on after the turn was ended, because the reply does not sound yet, it
        is told as well, before :meth:`new_turn`: that somebody was cut off is the best lesson.
        It counts up to :data:`SAME_TURN_S` after the last word.
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
        # Of the lower tail, where small chances keep their digits.
        chance = _STRANGER.cdf(2 * _STRANGER.mean - math.log(settings.silence_ms / 1000))
        chance *= math.exp(_evidence(finished))
        chance = min(max(chance, _LEAST_CHANCE), 1 - _LEAST_CHANCE)
        pauses = self._learned()
        silence_s = math.exp(2 * pauses.mean - pauses.inv_cdf(chance))
        silence_ms = 1000 * silence_s * math.exp(_EAGERNESS[settings.eagerness])
        # Whoever sets silence_ms beyond a bound means it.
        shortest_ms = min(settings.shortest_silence_ms, settings.silence_ms)
        longest_ms = max(settings.longest_silence_ms, settings.silence_ms)
        return min(max(silence_ms, shortest_ms), longest_ms) / 1000

    def _learned(self) -> NormalDist:
        """The logarithm of this speaker's next pause, in seconds."""
        prior, each = 1 / _BETWEEN_SPEAKERS**2, 1 / _WITHIN_SPEAKER**2
        certainty = prior + self._pauses * each
        mean = _STRANGER.mean + self._sum_of_logs * each / certainty
        return NormalDist(mean, math.sqrt(_WITHIN_SPEAKER**2 + 1 / certainty))


def _evidence(finished: float | None) -> float:
    """How much likelier what was heard is at the end of a turn, as a logarithm."""
    if finished is None:
        return 0.0
    least = 1 / (1 + math.exp(_MOST_EVIDENCE))
    finished = min(max(finished, least), 1 - least)
    return math.log(finished / (1 - finished))
