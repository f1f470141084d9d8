"""Is it one of the device's commands, and which: several hearings of one utterance. Pure.

The acoustic model knows throats of one length. Told that the speaker's is shorter or
longer (frequency warping: Lee and Rose, "Speaker normalization using efficient frequency
warping procedures", ICASSP 1996), it hears a little differently. A clear command is
heard the same, so one hearing that is sure is enough; what is no command is something
else each time. So where the first hearing is not sure, agreement decides (voting among
recognisers: Fiscus, ROVER, ASRU 1997).

The numbers were tuned on tuning voices; ``scripts/bench_parts/recogniser.py`` reports others.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from device.local.recognition.port import Recognition, Refusal

#: How well the commands explain the utterance: the geometric mean of the per-frame
#: likelihood under them, relative to the phone loop's. From here on a single hearing is sure.
SURE_RATIO: Final = 0.7
#: Enough for hearings that agree, and for one that stands alone.
AGREED_RATIO: Final = 0.46
ALONE_RATIO: Final = 0.58
#: Enough to ask again, rather than to say that it was no command.
UNSURE_RATIO: Final = 0.42


@dataclass(frozen=True)
class Hearing:
    """One way to hear an utterance; ``intent`` is None when it is no sentence of the grammar."""

    text: str
    ratio: float
    intent: str | None = None
    slots: Mapping[str, int | str] = field(default_factory=dict)

    def agrees(self, other: Hearing) -> bool:
        """Both mean the same command."""
        mine, theirs = (self.intent, dict(self.slots)), (other.intent, dict(other.slots))
        return self.intent is not None and mine == theirs


def settled(hearings: Sequence[Hearing]) -> bool:
    """Whether another hearing would be in vain: one was sure, or two agree."""
    one_is_sure = any(h.intent is not None and h.ratio >= SURE_RATIO for h in hearings)
    return one_is_sure or any(a.agrees(b) for a, b in itertools.combinations(hearings, 2))


def judge(hearings: Sequence[Hearing]) -> Recognition:
    """``hearings``, the most trusted first. No hearing at all: nothing was said."""
    if not hearings:
        return Recognition("", reason=Refusal.EMPTY)
    understood = [h for h in hearings if h.intent is not None]
    if not understood:
        text = hearings[0].text
        return Recognition(text, confidence=_confidence(hearings[0]), reason=Refusal.OFF_TOPIC)
    votes = {id(h): sum(h.agrees(other) for other in understood) for h in understood}
    # Of equals the first that was heard stands for its meaning: max() keeps it.
    chosen = max(understood, key=lambda h: (votes[id(h)], h.ratio))
    confidence = _confidence(chosen)
    agreed = votes[id(chosen)] > 1
    if chosen.ratio < (AGREED_RATIO if agreed else ALONE_RATIO):
        maybe = chosen.ratio >= UNSURE_RATIO
        reason = Refusal.UNSURE if maybe else Refusal.OFF_TOPIC
        return Recognition(chosen.text, confidence=confidence, reason=reason)
    return Recognition(
        chosen.text, chosen.intent, chosen.slots, confidence, accepted=True, reason=Refusal.NONE
    )


def _confidence(hearing: Hearing) -> float:
    return min(1.0, max(0.0, (hearing.ratio - 0.4) / 0.5))
