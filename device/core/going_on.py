"""Somebody was cut off in mid-sentence and goes on speaking: how the turn is taken up again. Pure.

Until the answer sounds the device listens for that. What was said before the pause and what is
said after it belong together, and there are two ways to let the service know:

- the *whole* turn is taken back and said again, while the ear still has all of it. Then it is one
  utterance, one transcript, one question, for every kind of service. Only where the device ends
  the turns: a service that ends them itself would cut it off at the same pause again;
- only the *rest* is sent, and the service finds both in its conversation, one after the other.
  The answer that is called off must have begun by then, for only that one can be named; and the
  service must be one that reads its conversation, as the offline one does not.

Who begins to speak within :data:`REACTION_S` of the answer's first sound did not hear it: that is
the same turn as well. Simple reactions to a sound take 0.15 s (R. D. Luce, "Response Times",
1986), to begin a word takes longer.
"""

from __future__ import annotations

from enum import Enum, auto

from device.capabilities import Capabilities

KEPT_S = 8.0
"""How long ago a turn may have begun to be said again: a second less than the ear keeps, for what
passes until it is asked."""

MOST_TIMES = 3
"""A turn goes on so often. Whoever would oftener is a television: what it says is not sent, and
paid for, for ever."""

REACTION_S = 0.15

EARLIER_S = 0.3
"""A turn that the button opened is said again from so much before its first sound, or from the
press."""

PRESS_S = 0.15
"""By so much the moment of a press may be told too early, as a capture frame: what was heard
arrives later than the press."""


class Again(Enum):
    """How."""

    WHOLE = auto()  #: take it back, say all of it again
    REST = auto()  #: call the answer off, send what follows
    LATER = auto()  #: the same, as soon as the answer has begun
    ANEW = auto()  #: neither: what is said now is a turn of its own


def is_heard(device_ends_turns: bool, able: Capabilities) -> bool:
    """Whether anything can come of what is said while an answer is awaited."""
    return device_ends_turns or able.reads_history


def again(
    device_ends_turns: bool,
    able: Capabilities,
    *,
    began_ago_s: float | None,
    answer_has_begun: bool,
) -> Again:
    """``began_ago_s``: since the turn's first frame, None if that is not known."""
    kept = began_ago_s is not None and began_ago_s <= KEPT_S
    if device_ends_turns and kept:
        return Again.WHOLE
    if not able.reads_history:
        return Again.ANEW
    return Again.REST if answer_has_begun else Again.LATER


def first_frame(speech_frame: int, after_press_s: float, rate_hz: int) -> int:
    """Where a turn of the button begins whose first speech was at ``speech_frame``: never
    before the press, which was ``after_press_s`` earlier."""
    back_s = min(EARLIER_S, max(0.0, after_press_s - PRESS_S))
    return max(0, speech_frame - round(back_s * rate_hz))
