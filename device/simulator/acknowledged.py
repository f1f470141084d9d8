"""Which utterances were acknowledgements ("yeah") of a reply that went on: nobody answers those.

Judged by the text that the scenario had said, and by the recording of the speaker: what stopped
the reply, whatever it was, was no acknowledgement to the appliance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from device.simulator.evidence import Spoken, Track
from device.simulator.heard import Heard
from device.simulator.measure import SILENT
from device.simulator.wire_audio import RATE_HZ

_WORDS = """
aha alright cool good great hm hmm i indeed mhm mm nice of course ok okay right see sure true uh
huh uhhuh wow yeah yep yes
"""
WORDS = frozenset(_WORDS.split())
"""An acknowledgement has no other ones, and few of these."""

MOST_WORDS = 3
GOES_ON_S = 1.0
"""So soon behind its end the reply must sound again: it may have been in a pause."""

SETTLES_S = 0.3
"""A reply that is being stopped may sound for so long yet."""


def is_acknowledgement(text: str) -> bool:
    """By its words alone."""
    words = re.findall(r"[a-z]+", text.lower())
    return 0 < len(words) <= MOST_WORDS and WORDS.issuperset(words)


def acknowledged(spoken: Spoken, heard: Sequence[Heard], speaker: Track) -> bool:
    """Said over a reply that sounded on behind it."""
    if not is_acknowledgement(spoken.text):
        return False
    over = [
        one
        for one in heard
        if one.speech_at < spoken.first_loud_at
        and spoken.last_loud_at + SETTLES_S < _whole_until(one)
    ]
    since = speaker.clamp(spoken.last_loud_at + SETTLES_S)
    behind = speaker.samples[since : speaker.clamp(spoken.last_loud_at + SETTLES_S + GOES_ON_S)]
    return bool(over) and bool(np.any(np.abs(behind.astype(np.int32)) > SILENT))


def _whole_until(heard: Heard) -> float:
    """Until when an item sounds that nothing stops."""
    return heard.starts_at + len(heard.item.samples) / RATE_HZ
