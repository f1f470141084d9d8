"""Whose words are these? The turns of a service that says nothing of turns. Pure.

All that Wiro tells of a turn is what it understood and what it answers, in no fixed order and
without a name. Which turn is meant follows from what was sent:

- The first transcript or answer that comes of the sound of a turn says that it was taken. A
  transcript that comes while the person has not paused yet is one in the making: it is kept.
- A transcript that is owed to the last turn (its answer came first) is not taken for one of the
  turn that is being said now, or that would be cut off in the middle.
- A turn that was given up is answered all the same. What comes of it is swallowed: whatever comes
  before the service is known to have heard its end (the *fence*), and for a while behind that,
  :data:`SURELY_S` where it had taken the turn and :data:`MAYBE_S` where it may have; longer, up to
  :data:`LATE_S`, while nothing has been said since that could be meant instead. Of one in which
  nobody spoke nothing comes.
- The same holds of words that were sent behind a turn before the service told that it had taken
  it: somebody spoke on after a pause. Where nobody did, what comes behind the answer is more of it.
- A service that may greet does so before it has taken any turn: that answers none.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.events import TurnCommitted, UserTranscript
from device.providers.base import Emit, Output
from device.providers.levels import Speaker, peak
from device.providers.wiro_wire import RATE_HZ

#: The device's ``ClearInput`` comes sooner than that behind the end of a turn.
TAIL_S = 1.0
#: Sound behind a gap like this is of another uplink.
GAP_S = 0.5
#: Nobody says anything in less.
SHORTEST_S = 0.3
GREETING_S = 3.0
#: A transcript may be so much later than the answer.
TRANSCRIPT_S = 3.0
#: What is given up is answered within so long of the service's hearing its end.
SURELY_S, MAYBE_S, LATE_S = 2.5, 1.0, 8.0
#: The mark may never come; then so long after it was asked for.
BLIND_S = 4.0
#: The service may take a turn for over behind so much silence, and not behind less.
ENDS_TURN_MS = 400

_FAINTEST = 104  # -50 dB
_ABOVE_ROOM = 3
_NO_ROOM = 1000  # -30 dB: so loud is no silence, however steady
_LONGEST_TRANSCRIPT = 20_000
_STEP = 2 * RATE_HZ // 10  # that long pauses are heard in what comes at once


@dataclass(slots=True)
class _GivenUp:
    since: float
    patience_s: float
    unpaused_s: float = 4.0  #: levels are trusted for so long to tell who has not finished
    told: bool = False  #: what was understood of it has come
    heard_at: float | None = None  #: the service knows that it is over


class Turns:
    """``greets``: the service was told to speak first; ``may_greet``: it may all the same."""

    def __init__(self, *, greets: bool = False, may_greet: bool = False) -> None:
        self._greets, self._may_greet = greets, may_greet
        self._opened_at = 0.0
        self._count = 0
        self._speaker = Speaker(RATE_HZ)
        self._quietest, self._loudest = 32768, 0
        self._open_s = 0.0  # sound of the turn that is being said
        self._heard_at = float("-inf")
        self._tail_until: float | None = None
        self._promised = False  # taken, and its answer has not begun
        self._taken_at = 0.0
        self._owed = False  # a transcript, to the last turn
        self._said = ""  # of the last turn
        self._making = ""  # of the turn that is being said
        self._ended = False  # somebody spoke in the turn, and a pause that may have been its end
        self._behind = False  # somebody spoke behind that, in it or in the one that was taken
        self._given_up: _GivenUp | None = None
        self._fences = 0
        self._orphan_until = float("-inf")  # a transcript of what was swallowed may come

    @property
    def open(self) -> bool:
        """Something is being said that the service has not taken."""
        return self._open_s > 0

    @property
    def awaits_answer(self) -> bool:
        """It may come any time."""
        return self._promised or self._open_s >= SHORTEST_S

    @property
    def finished(self) -> bool:
        """Something was said that the service has not taken, and may have been all."""
        return self._open_s >= SHORTEST_S and self._ended

    def opened(self, now: float) -> None:
        """The session is usable."""
        self._opened_at = now

    def hear(self, pcm: bytes, now: float) -> bool:
        """The device's sound. False: it is of no turn, and not to be sent."""
        gap_s = now - self._heard_at
        self._heard_at = now
        if self._tail_until is not None and now < self._tail_until and gap_s < GAP_S:
            return False
        self._tail_until = None
        if not self._open_s:
            self._speaker.begin()
            self._quietest, self._loudest = 32768, 0
            self._making = ""
            self._ended = self._behind = False
        level = peak(pcm[: len(pcm) - len(pcm) % 2])
        self._quietest, self._loudest = min(self._quietest, level), max(self._loudest, level)
        self._open_s += len(pcm) / (2 * RATE_HZ)
        for start in range(0, len(pcm), _STEP):
            self._listen(pcm[start : start + _STEP])
        return True

    def hear_silence(self, size: int) -> None:
        """So many bytes of it were sent behind the device's sound."""
        if self._open_s:
            self._open_s += size / (2 * RATE_HZ)
            self._listen(bytes(size))

    def _listen(self, pcm: bytes) -> None:
        self._speaker.hear(pcm)
        quiet_ms = self._speaker.quiet_ms if self._spoke else 0
        self._behind |= self._ended and not quiet_ms
        self._ended |= quiet_ms >= ENDS_TURN_MS

    # --- what the service says --------------------------------------------------------------

    def understood(self, text: str, now: float) -> list[Output]:
        """A transcript of the person's words."""
        text = text.strip()[:_LONGEST_TRANSCRIPT]
        new = self._open_s >= SHORTEST_S and self._speaker.paused
        if self._owed and not (new and now - self._taken_at >= TRANSCRIPT_S):
            return self._tell(text)
        if not new and self._said and text.startswith(self._said):  # the same, or more of it
            return self._tell(text) if len(text) > len(self._said) else []
        if now < self._orphan_until:
            self._orphan_until = float("-inf")
            return []
        if self._swallows(now):
            gone = self._given_up
            assert gone is not None
            if not (gone.told and new):
                gone.told = True
                gone.patience_s = SURELY_S
                return []
            self._given_up = None
        if new:
            return [*self._take(now), *self._tell(text)]
        if self._open_s:
            self._making = text
        return []

    def answered(self, now: float) -> tuple[list[Output], bool]:
        """A reply begins. What is to be told before it, and whether it is wanted."""
        if self._promised:
            self._promised = False
            return [], True
        if self._is_greeting(now):
            self._greets = self._may_greet = False
            return [], True
        if self._swallows(now):
            gone, self._given_up = self._given_up, None
            if gone is not None and not gone.told:
                self._orphan_until = now + TRANSCRIPT_S
            return [], False
        if self._open_s < SHORTEST_S:
            return [], True  # unasked
        making = self._making
        outputs = self._take(now)
        self._promised = False
        return [*outputs, *(self._tell(making) if making else [])], True

    def stopped(self) -> None:
        """The service says that it makes no reply any more: what was given up before is not
        sure to be answered."""
        if self._given_up is not None:
            self._given_up.patience_s = min(self._given_up.patience_s, MAYBE_S)

    # --- what the device says ---------------------------------------------------------------

    def cancelled(self) -> None:
        """A reply was called off: what is heard next is a turn."""
        self._tail_until = None

    def take_back(self, now: float) -> str:
        """Sound that is in no turn, or behind one. The fence to ask for when the service has been
        told that it is over; empty: there can be no words in it."""
        spoke, behind = self._spoke, self._behind and not self._open_s
        self._behind = False
        if spoke:
            self._given_up = _GivenUp(now, MAYBE_S)
        elif behind and self._given_up is None:
            # Only what the service heard before it told that it had taken the turn.
            self._given_up = _GivenUp(now, 0.0, TAIL_S)
        self._close()
        return self._next_fence() if spoke or behind else ""

    def give_up(self, now: float) -> tuple[bool, bool, str]:
        """Nothing is to come of the turn. Whether the service has taken it and is about to
        answer; whether it has heard words that it may take for a turn yet; the fence to ask for
        when it has been told that these are over, empty: there is nothing to be heard of."""
        taken, spoke = self._promised, self._spoke
        self._behind = False
        if taken or spoke:
            patience_s = SURELY_S if taken else MAYBE_S
            self._given_up = _GivenUp(now, patience_s, told=taken and not self._owed)
        if taken:
            self._promised = self._owed = False
            self._said = ""
        self._close()
        return taken, spoke, self._next_fence() if taken or spoke else ""

    def passed(self, fence: str, now: float) -> None:
        """The service has heard all that was sent before ``fence`` was asked for."""
        if self._given_up is not None and fence == self._fence:
            self._given_up.heard_at = now

    # --- within -----------------------------------------------------------------------------

    def _take(self, now: float) -> list[Output]:
        self._count += 1
        self._given_up = None
        self._promised = self._owed = True
        self._taken_at = now
        self._close()
        self._tail_until = now + TAIL_S
        return [Emit(TurnCommitted(self._name))]

    def _tell(self, text: str) -> list[Output]:
        self._owed = False
        self._said = text
        return [Emit(UserTranscript(text, True, self._name))]

    def _close(self) -> None:
        self._open_s = 0.0
        self._making = ""
        self._tail_until = None

    def _swallows(self, now: float) -> bool:
        """What comes now may be of what was given up."""
        gone = self._given_up
        if gone is None:
            return False
        age_s = now - gone.since
        if age_s >= LATE_S:
            self._given_up = None
            return False
        if self._open_s < SHORTEST_S:
            return True
        if gone.heard_at is None and age_s < BLIND_S:
            return True  # nor can it have heard what was said since
        known_s = now - (gone.since if gone.heard_at is None else gone.heard_at)
        if max(known_s, self._open_s) < gone.patience_s:  # sound may come faster than it was made
            return True
        return not self._may_be_over and self._open_s < gone.unpaused_s

    @property
    def _may_be_over(self) -> bool:
        """The turn that is being said; as good as levels can tell."""
        return self._ended or (self._speaker.paused and not self._stands_out)

    def _next_fence(self) -> str:
        self._fences += 1
        return self._fence

    @property
    def _fence(self) -> str:
        return f"gone_{self._fences}"

    def _is_greeting(self, now: float) -> bool:
        if self._count or not (self._greets or self._may_greet):
            return False
        early = now - self._opened_at < GREETING_S
        finished = self._given_up is not None or (self._open_s and self._speaker.paused)
        return early and (self._greets or not finished)

    @property
    def _spoke(self) -> bool:
        """Somebody may have, in the turn that is being said."""
        if not self._open_s:
            return False
        return self._stands_out or self._loudest > _NO_ROOM

    @property
    def _stands_out(self) -> bool:
        """Something does, of the room."""
        return self._loudest > max(_FAINTEST, _ABOVE_ROOM * self._quietest)

    @property
    def _name(self) -> str:
        return f"turn_{self._count}"
