"""Whose is what Gemini Live says? Pure.

It names neither turns nor replies. What tells them apart is the order of its marks: an answer
is content, ``generationComplete``, ``turnComplete``; one that was broken off is content,
``interrupted``, ``turnComplete``. And what can be no answer yet: to a turn that has not ended,
or of which it has heard less than the silence that ends one.

Rulings:

- Of an answer that is not wanted and of which something has come, nothing is wanted until its
  mark, be that after the next turn.
- Of an answer that was given up before anything of it came, no mark may ever come: so what
  comes when the next answer is due is taken for that, once it is old enough
  (:mod:`device.providers.gemini_doubt`). Until then it is swallowed.
- The same holds of what comes behind ``interrupted`` and before the turn's end.
- Words come in any order, so they never begin an answer: those that come before its sound wait
  for it.
"""

from __future__ import annotations

from enum import Enum, auto

from device.providers.gemini_doubt import Doubt


class Phase(Enum):
    """What the service is at, as far as it has said."""

    QUIET = auto()  #: its turn is over, or has not begun
    SPEAKING = auto()  #: something of a wanted reply has come
    UNWANTED = auto()  #: something of one has come that nobody wants
    SAID = auto()  #: all was generated; it assumes that it is being played
    BROKEN = auto()  #: it was interrupted, and has yet to say that its turn is over


class Verdict(Enum):
    """What is to be done with content."""

    NOTHING = auto()
    GO_ON = auto()  #: it is of the reply under way
    BEGIN = auto()  #: it is the first of a wanted reply
    TAKE_AND_BEGIN = auto()  #: the same, and the first sign that the person's turn was taken


class Ended(Enum):
    """What ``turnComplete`` or ``interrupted`` ends."""

    NOTHING = auto()
    REPLY = auto()  #: the one under way
    SILENT = auto()  #: the answer that was waited for: there is none
    TAKE_SILENT = auto()  #: the same, and the first sign that the turn was taken


class Turns:
    """``device_ends`` the turns, else the service does; ``least`` bytes it must have heard to
    end one."""

    def __init__(self, *, device_ends: bool, least: int) -> None:
        self._device_ends = device_ends
        self._least = least
        self._heard = 0  # bytes that belong to no turn yet
        self._ever_heard = False
        self._open = False  # between activityStart and activityEnd
        self._given_up = False  # an answer whose end was not told, or a turn that may get one
        self._awaited = False  # an answer that has not begun is wanted
        self._calling = False  # it is the one to the results of tools
        self._called_off = False  # which the service does not want any more
        self._promised = False  # it may be making an answer of which nothing has come
        self._doubt = Doubt()
        self.phase = Phase.QUIET

    # --- what we do ---------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """The service was told that somebody speaks."""
        return self._open

    @property
    def heard(self) -> bool:
        """It was sent something that belongs to no turn yet."""
        return self._heard > 0

    @property
    def awaited(self) -> bool:
        return self._awaited

    @property
    def doubted_until(self) -> float:
        """When `in_doubt` ends."""
        return self._doubt.until

    @property
    def unmarked(self) -> bool:
        """What is in doubt may be of an answer of which nothing has come."""
        return self._doubt.unmarked > 0

    def in_doubt(self, now: float) -> bool:
        """An answer is waited for, and what comes may be of one that was broken off."""
        if not self._awaited or now >= self._doubt.until:
            return False
        begun = self.phase in (Phase.SPEAKING, Phase.UNWANTED)
        return self.phase is Phase.BROKEN or (self.unmarked and not begun)

    def opens(self, now: float) -> None:
        """``activityStart``: the service breaks off what it says, or is about to."""
        self._open = True
        if self._promised:
            self._doubt.broke_off(now)
            self._promised = False
        if self._awaited:
            self._give_up()
        if self.phase is Phase.SPEAKING:
            self.phase = Phase.UNWANTED

    def told_history(self) -> None:
        """Should the service answer it after all, that is not wanted."""
        self._given_up = True

    def closes(self) -> None:
        """``activityEnd``."""
        self._open = False
        self._promised = True

    def sounded(self, size: int) -> None:
        self._heard += size
        self._ever_heard = True

    def taken(self) -> None:
        """What was heard is a turn, whose answer is wanted."""
        self._heard = 0
        self._awaited, self._calling, self._called_off = True, False, False

    def clear(self) -> None:
        """What belongs to no turn is to be in none."""
        self._given_up |= self.heard
        self._heard = 0

    def abandon(self) -> None:
        """Nor is an answer wanted that has not begun."""
        self.clear()
        if self._awaited:
            self._give_up()

    def cancel(self) -> None:
        """Nothing more is wanted of the reply under way."""
        self.phase = Phase.UNWANTED

    def _give_up(self) -> None:
        self._awaited = self._calling = self._called_off = False
        self._given_up = True

    def settle(self) -> None:
        """The doubt is over: what was broken off is past."""
        self._doubt.over()
        if self.phase is Phase.BROKEN:
            self.phase, self._given_up = Phase.QUIET, True

    # --- what the service does -------------------------------------------------------------

    def content(self, *, sound: bool) -> Verdict:
        """The model's turn: ``sound``, or something else of it."""
        if self.phase is Phase.SPEAKING:
            return Verdict.GO_ON
        if self.phase is Phase.UNWANTED:
            return Verdict.NOTHING
        if not sound and self.phase is not Phase.QUIET:
            return Verdict.NOTHING  # a late rest of what is over
        if self._awaited:
            return self._begin(Verdict.BEGIN)
        if self._is_sign and self.phase is not Phase.BROKEN:
            return self._begin(Verdict.TAKE_AND_BEGIN)
        if self.phase is not Phase.QUIET or not sound:
            return Verdict.NOTHING
        if self._may_speak_unasked:
            return self._begin(Verdict.BEGIN)
        self.phase = Phase.UNWANTED
        self._doubt.marked()
        return Verdict.NOTHING

    def called(self) -> None:
        """It asks for tools. The reply under way is over, and another follows when it has the
        results. Of an unwanted one nothing follows: it waits, and is interrupted, of which it
        may not tell."""
        if self.phase is Phase.SPEAKING:
            self.phase = Phase.QUIET
            self._awaited = self._calling = True
            self._promised = self._device_ends
        elif self.phase is Phase.UNWANTED:
            self.phase = Phase.QUIET
            self._given_up = True

    def called_off(self) -> None:
        """The service wants none of the results that the awaited answer waits for. It may go on
        without them."""
        self._called_off, self._calling = self._calling, False

    def transcribed(self) -> bool:
        """Words of the person. Whether they are of a turn that is listened to or answered."""
        if self.phase in (Phase.SPEAKING, Phase.SAID):
            return True
        fresh = self.heard and not (self._given_up and self._heard < self._least)
        if not (self._awaited or fresh):
            return False
        if self.phase is Phase.BROKEN:  # it hears the next turn: what it said is over
            self.phase, self._given_up = Phase.QUIET, True
        return True

    def transcript_ended(self) -> bool:
        """Whether that is the first sign that it took the turn. While it answers another, the
        end may be that one's."""
        fresh = self.phase is Phase.QUIET and not self._awaited
        return fresh and self.heard and not self._device_ends

    def generated(self) -> bool:
        """``generationComplete``. Whether it ends the reply under way."""
        was = self.phase
        if was in (Phase.SPEAKING, Phase.UNWANTED):
            self.phase = Phase.SAID
        return was is Phase.SPEAKING

    def interrupted(self, now: float) -> Ended:
        """``interrupted``. An answer that has not begun is waited for all the same, but for that
        to calls which were called off with this."""
        was, self.phase = self.phase, Phase.BROKEN
        self._doubt.interrupted(now)
        if was in (Phase.QUIET, Phase.BROKEN):
            self._doubt.marked()
        if was is Phase.SPEAKING:
            return Ended.REPLY
        if self._called_off:
            self._give_up()
            self._promised = False
            return Ended.SILENT
        return Ended.NOTHING

    def completed(self) -> Ended:
        """``turnComplete``."""
        was, self.phase = self.phase, Phase.QUIET
        if was is Phase.SPEAKING:
            return Ended.REPLY
        if was is not Phase.QUIET or self._given_up:
            if was is Phase.QUIET:
                self._doubt.marked()
            self._given_up = self.unmarked  # else that is what it ends
            return Ended.NOTHING
        if self._calling:
            return Ended.NOTHING  # of the turn that asked for the tools
        if self._awaited:
            self._awaited = self._called_off = self._promised = False
            return Ended.SILENT
        if not self._device_ends and self._heard >= self._least:
            self._heard = 0
            return Ended.TAKE_SILENT
        return Ended.NOTHING

    def _begin(self, verdict: Verdict) -> Verdict:
        self.phase = Phase.SPEAKING
        self._awaited = self._calling = self._called_off = False
        self._given_up = self._promised = False
        self._doubt.over()
        if verdict is Verdict.TAKE_AND_BEGIN:
            self._heard = 0
        return verdict

    @property
    def _is_sign(self) -> bool:
        """Whether an answer that begins now is one to what was heard."""
        if self._device_ends or not self.heard:
            return False
        return not self._given_up or self._heard >= self._least

    @property
    def _may_speak_unasked(self) -> bool:
        """A greeting. Later, what it says of itself where it ends the turns is an answer to sound
        that was taken back."""
        if self._given_up:
            return False
        return not (self._open if self._device_ends else self._ever_heard)
