"""How finished a turn sounds, from everything that is heard of it. Pure but for the model.

Smart Turn and the fall of the voice each say by how much more likely it is heard of a turn that is
over than in a pause, as a logarithm. They are independent enough to be added (naive Bayes): among
ends, and among pauses, their correlation is -0.3 to 0.2. The weights were chosen on the tuning
half of the recordings of ``scripts/bench_parts/acoustics/turn_rows.py``, from the middle of what
does well there.

Either knows little of somebody who has only just begun: Smart Turn "is not designed to run on
very short audio segments" (its authors), and a fall needs something to fall from. Such a one is
rather taken to go on. Of a single syllable nothing is said at all. But where Smart Turn plainly
says that the sentence is finished, nobody waits longer for having asked it: whatever the voice
does, that makes no end unlikelier than silence alone does.
"""

from __future__ import annotations

import math

from device.audio.finished.melody import Melody, melody
from device.audio.finished.smart_turn import SmartTurn
from device.ports import Samples

NEITHER_SEMITONES = 1.5
"""So much of a fall tells nothing."""

_MODEL_WEIGHT = 0.4  # of what it says, as a logarithm of odds
_PER_SEMITONE = 1.0
_MOST_SEMITONES = 6.0  # more or less than NEITHER_SEMITONES
_ENOUGH_VOICE_S = 0.6
_SYLLABLE_S = 0.25  # "stop", "yes", "no" are whole turns as often as not
_SUREST = 0.98  # of the model: it is not surer than that, whatever it says
_PLAINLY = 0.9  # of the model: from here on the sentence is plainly finished
#: Off the sum: so that a verdict, over all pauses, cuts off as many as none does. Bayes' rule would
#: see to that itself if the cues were as sure as they should be.
_TOO_SURE = 1.8


class Verdict:
    """Judges turns for :class:`device.adapters.turn_judge.TurnJudgeThread`. Any thread, one at a
    time; a call takes as long as the model's (:class:`SmartTurn`), and some 5 ms."""

    def __init__(self, model: SmartTurn) -> None:
        self._model = model

    def probability(self, samples: Samples) -> float:
        """How likely the turn is over, after ``samples``, if as many are over as are not.

        They are mono int16 at 16 kHz, begin with the turn or 8 s before now, and end some 200 ms
        after the last word. Raises ``ValueError`` for no samples at all.
        """
        return combined(self._model.probability(samples), melody(samples))


def combined(model: float, heard: Melody) -> float:
    """What the model's answer, 0 to 1, and the melody make together."""
    answer = min(max(model, 1 - _SUREST), _SUREST)
    fall = heard.fall_semitones - NEITHER_SEMITONES
    fall = min(max(fall, -_MOST_SEMITONES), _MOST_SEMITONES)
    if heard.voiced_s < _SYLLABLE_S:
        return 0.5
    known = min(1.0, heard.voiced_s / _ENOUGH_VOICE_S)
    evidence = _MODEL_WEIGHT * math.log(answer / (1 - answer)) + _PER_SEMITONE * fall
    odds = known * evidence - _TOO_SURE
    if answer >= _PLAINLY:
        odds = max(0.0, odds)
    return 1 / (1 + math.exp(-odds))
