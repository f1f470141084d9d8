"""Somebody speaks over a reply: lower it, then find out whether it was meant to stop.

The ear says what it hears (:class:`device.events.NearEndHeard`); from this and the setting
``barge_in`` :class:`BargeIn` answers each time with a :class:`Verdict`. A reply is ducked on the
first sign, because coming up again costs little. It is cut when the sound has gone on for longer
than an acknowledgement ("mhm", "yeah, okay") does, is loud enough against the echo that may be
left, has a voice, and still goes on. Otherwise it comes up again. Before the reply sounds there
is nothing to be lowered, no echo to be mistaken for a person, and nothing to be acknowledged:
where a mistake costs no more than a wait, less is enough (:data:`AWAITED_SPEECH_MS`).

Words decide nothing: no service transcribes what it was not sent, and what is heard over a reply
is sent only once it is known to be meant for the device.

Pure: time is an argument, in seconds of any steady clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum

from device.events import NearEndHeard


class Act(StrEnum):
    """What is to be done with the reply."""

    NOTHING = "nothing"
    DUCK = "duck"
    RESTORE = "restore"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``from_frame``: with CUT, the capture frame at which the person's turn begins."""

    act: Act
    from_frame: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What makes an interruption. ``span_ms`` from its beginning to its last sound, ``share``
    of that taken for speech, ``least_db`` above the rest of the echo."""

    span_ms: int
    share: float
    least_db: float


DEMANDS = {
    "eager": Demand(span_ms=448, share=0.6, least_db=9.0),
    "normal": Demand(span_ms=632, share=0.6, least_db=12.0),
    "patient": Demand(span_ms=900, share=0.6, least_db=15.0),
}
"""By ``[turn] barge_in``; "off" is none of them. Chosen with ``bargein_rows.py --half tune``:
an acknowledgement is over after 0.6 s, a sentence is not."""

VOICED_SHARE = 0.3
"""Of the speech: coughs, sneezes and crockery have less."""

AWAITED_SPEECH_MS, AWAITED_VOICED_MS = 256, 200
"""Who goes on before the reply sounds says "two hours" or "in Berlin", and is silent: so much
speech with so much voice in it is enough then, however long the whole lasts. Of the recorded
noises none has half as much voice, but for music."""

FAR_DB = 10.0
"""So much quieter than the loudest of the person whose turn is answered: a television, or somebody
who talks to others. The same person with the head turned away, or at twice the distance, is some
6 dB quieter; recordings of people differ by 3 dB from sentence to sentence (``duplex_rows.py``)."""

COUNTED_MS = 1600
"""Only the last of a sound counts: what a television said is no part of what a person says."""

IN_VAIN, IN_VAIN_S = 3, 10.0
"""After so many dips for nothing within that time, a first sign is not enough."""

SPEECH_MS = 64
"""Of speech that is enough then, and while the canceller is learning."""

LATER_MS = 128
"""So much later it need not sound at the very moment: words have gaps in them."""

GAP_MS = 64

UNCERTAIN_TIMES = 1.5
UNCERTAIN_DB = 6.0
"""While the canceller is learning, what is heard may be the reply itself: more is wanted."""

SOMEBODY_MS = 200
"""Of speech from which it is somebody, whoever that is."""

AGAIN_SPEECH_MS = 320
AGAIN_NOBODY_MS = 128
"""Quiet for so long, the reply comes up again: after speech, and where there was none."""

LOST_S = 0.5
"""No word from the ear for so long, while it should send one every 32 ms: up again."""

LONGEST_S = 4.0
"""What has gone on for so long and is no interruption is a sound of the room, such as music or a
fan: the reply comes up and stays up until it is over."""

PREROLL_MS = 300
"""The turn begins so much before the first sign: a soft beginning is not lost."""


class BargeIn:
    """One reply at a time; the core's loop only.

    DUCK comes before any CUT. After CUT nothing comes until :meth:`reply_began`. Whoever acts
    on the verdicts calls :meth:`tick` when :attr:`due` has come.
    """

    def __init__(self, barge_in: str, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._preroll = PREROLL_MS * rate_hz // 1000
        self._demand = DEMANDS.get(barge_in)
        self._person_db: float | None = None
        self.reply_began()

    def person_spoke(self, level_db: float | None) -> None:
        """How loud the person is whose turn is answered; None: that is not known."""
        self._person_db = level_db

    def tune(self, barge_in: str) -> None:
        """The setting changed; takes effect with what comes next."""
        self._demand = DEMANDS.get(barge_in)

    def reply_began(self) -> None:
        """Another reply: nothing is known of what is said over it."""
        self._forget_sound()
        self._cut = self._ducked = False
        self._in_vain: deque[float] = deque(maxlen=IN_VAIN)  # when the reply came up again
        self._heard_at = self._ducked_at = 0.0

    def _forget_sound(self) -> None:
        self._sound: NearEndHeard | None = None  # the last report
        self._counted: NearEndHeard | None = None  # the same, without what does not count
        self._reports: deque[NearEndHeard] = deque()
        self._base: NearEndHeard | None = None  # up to here nothing counts
        self._given_up = False

    @property
    def ducked(self) -> bool:
        return self._ducked

    @property
    def due(self) -> float | None:
        """When :meth:`tick` is to be called, unless another call comes before; None: never."""
        if not self._ducked:
            return None
        return min(self._heard_at + LOST_S, self._ducked_at + LONGEST_S)

    @property
    def pending_from_frame(self) -> int | None:
        """Where a person's words begin of which it is not yet known what they are: if the
        reply ended now, they would begin the next turn. None when nobody speaks."""
        sound = self._counted
        if self._demand is None or self._cut or self._given_up or sound is None:
            return None
        spoken = sound.speech_ms >= SOMEBODY_MS // 2 and sound.quiet_ms < AGAIN_SPEECH_MS
        meant = self._loud(sound) and not self._far(sound)
        return self._from_frame(sound) if spoken and meant else None

    def reply_ended(self) -> int | None:
        """It was heard to its end: what is undecided, as :attr:`pending_from_frame`, for the
        follow-up turn. Whoever ducked for it must let the sound come up again."""
        pending = self.pending_from_frame
        self.reply_began()
        return pending

    def hear(self, sound: NearEndHeard, now: float, *, awaited: bool = False) -> Verdict:
        """What the ear knows by now. Older than what is known already: nothing.

        ``awaited``: nothing sounds yet, and to be wrong costs no more than a wait.
        """
        if self._demand is None:
            return self.tick(now)
        known = self._sound
        if self._cut or (known is not None and _age(sound) < _age(known)):
            return Verdict(Act.NOTHING)
        if known is None or sound.since_frame != known.since_frame:
            self._forget_sound()
        self._sound, self._heard_at = sound, now
        self._counted = self._what_counts(sound)
        return self._judge(now, awaited=awaited)

    def _what_counts(self, sound: NearEndHeard) -> NearEndHeard:
        """``sound`` since it was last far away, and no more than the last of it."""
        if self._far(sound):
            self._base = sound
        self._reports.append(sound)
        while self._reports[0].lasted_ms < sound.lasted_ms - COUNTED_MS:
            old = self._reports.popleft()
            if self._base is None or self._base.lasted_ms < old.lasted_ms:
                self._base = old
        base = self._base
        if base is None:
            return sound
        return replace(
            sound,
            since_frame=sound.since_frame + base.lasted_ms * self._rate_hz // 1000,
            lasted_ms=sound.lasted_ms - base.lasted_ms,
            speech_ms=max(0, sound.speech_ms - base.speech_ms),
            voiced_ms=max(0, sound.voiced_ms - base.voiced_ms),
        )

    def tick(self, now: float) -> Verdict:
        """Time has passed without a word from the ear."""
        if not self._ducked:
            return Verdict(Act.NOTHING)
        if now >= self._ducked_at + LONGEST_S:
            self._given_up = True
        elif self._demand is not None and now < self._heard_at + LOST_S:
            return Verdict(Act.NOTHING)
        else:  # the ear has fallen silent: what it last told is old
            self._forget_sound()
        return self._restore(now)

    def _judge(self, now: float, *, awaited: bool) -> Verdict:
        sound, counted = self._sound, self._counted
        if sound is None or counted is None or self._demand is None:
            return self.tick(now)
        interrupts = self._interrupts(counted, awaited=awaited)
        if not self._ducked:
            if interrupts or (self._is_a_sign(counted, now) and not self._over(sound)):
                self._ducked, self._ducked_at = True, now
                return Verdict(Act.DUCK)
            return Verdict(Act.NOTHING)
        if interrupts:
            self._cut, self._ducked = True, False
            return Verdict(Act.CUT, self._from_frame(counted))
        if self._far(sound) and sound.speech_ms >= SOMEBODY_MS:
            self._given_up = True  # somebody, and nobody that is meant
            return self._restore(now)
        return self._restore(now) if self._over(sound) else self.tick(now)

    def _is_a_sign(self, sound: NearEndHeard, now: float) -> bool:
        """Whether to lower the reply for it: at the first sign, where signs can be trusted."""
        if self._given_up or self._far(sound):
            return False
        in_vain = len(self._in_vain) == IN_VAIN and now - self._in_vain[0] < IN_VAIN_S
        return (sound.certain and not in_vain) or sound.speech_ms >= SPEECH_MS

    def _restore(self, now: float) -> Verdict:
        self._ducked = False
        self._in_vain.append(now)
        return Verdict(Act.RESTORE)

    def _over(self, sound: NearEndHeard) -> bool:
        return sound.quiet_ms >= (AGAIN_SPEECH_MS if sound.speech_ms else AGAIN_NOBODY_MS)

    def _loud(self, sound: NearEndHeard) -> bool:
        assert self._demand is not None
        wanted = self._demand.least_db + (0.0 if sound.certain else UNCERTAIN_DB)
        return sound.above_echo_db >= wanted

    def _far(self, sound: NearEndHeard) -> bool:
        if self._person_db is None or sound.level_db is None:
            return False
        return sound.level_db < self._person_db - FAR_DB

    def _interrupts(self, sound: NearEndHeard, *, awaited: bool) -> bool:
        assert self._demand is not None
        if not self._loud(sound) or self._far(sound):
            return False
        if sound.voiced_ms < VOICED_SHARE * sound.speech_ms:
            return False
        if awaited and sound.certain:
            enough = sound.speech_ms >= AWAITED_SPEECH_MS
            return enough and sound.voiced_ms >= AWAITED_VOICED_MS
        span_ms = self._demand.span_ms * (1.0 if sound.certain else UNCERTAIN_TIMES)
        if sound.speech_ms < self._demand.share * span_ms:
            return False
        lasted_ms = sound.lasted_ms - sound.quiet_ms
        if sound.quiet_ms == 0:
            return lasted_ms >= span_ms
        return sound.quiet_ms <= GAP_MS and lasted_ms >= span_ms + LATER_MS

    def _from_frame(self, sound: NearEndHeard) -> int:
        return max(0, sound.since_frame - self._preroll)


def _age(sound: NearEndHeard) -> tuple[int, int]:
    return sound.since_frame, sound.lasted_ms
