"""Is it still the person who speaks, or a television? Pure.

In a follow-up window whoever speaks opens a turn. A television that goes on talking would keep
the appliance listening, answering and paying for ever, so such turns have to earn the next
window; when they do not, the wake word is needed again. Nothing here judges a turn that wake
word or button opened: whoever says the word is meant to be heard.

People answer about 0.2 s after the other has ended (Stivers et al., "Universals and cultural
variation in turn-taking in conversation", PNAS 2009), seldom at once. Speech that was already
there when the window opened is the company's, not an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from device.settings import TurnSettings

#: Heard so soon after the window opened, it had begun before (the detector needs 0.1 s itself).
AT_ONCE_S = 0.3
#: Speech without a pause that long the detector hears: nobody's answer, if it began at once ...
UNPAUSED_AT_ONCE_S = 5.0
#: ... and if not. Those who speak to be heard breathe.
UNPAUSED_S = 15.0
#: So much quieter than the one who said the wake word: somebody further away, or a loudspeaker.
FAR_DB = 10.0
#: Turns in a row that do not count as an answer, of each kind: the first may be chance.
IN_A_ROW = 2


class Outcome(Enum):
    """What became of a turn."""

    ANSWERED = auto()  #: the service replied
    NOTHING = auto()  #: it took no turn of it, or heard no words in it
    TOO_LONG = auto()  #: it went on for ``longest_s``


@dataclass(slots=True)
class _Since:
    """What was heard since somebody said the wake word or pressed the button."""

    why: str = ""  #: speech may open no more turns
    by_voice: bool = False  #: the turn under way was opened by speech alone
    at_once: bool = False  #: and what opened it has not paused yet, and began with the window
    window_at: float = float("-inf")
    unpaused_until: float | None = None
    turns: int = 0  #: opened by speech alone
    turns_at_once: int = 0  #: in a row, as are those below
    in_vain: int = 0
    far: int = 0


class Television:
    """Follows the turns of a conversation. ``may_listen`` after each says whether speech may
    open another without the wake word.

    Told in this order: ``addressed`` or ``speech_opened``; ``speech_started`` and
    ``speech_ended`` in between; ``turn_over``; ``window_opened``.
    """

    def __init__(self, turn: TurnSettings) -> None:
        self._turn = turn
        self._near_db: float | None = None
        self._since = _Since()

    def apply(self, turn: TurnSettings) -> None:
        self._turn = turn

    @property
    def may_listen(self) -> bool:
        """Whether a follow-up window may be opened, or one that is open be used."""
        return not self._since.why

    @property
    def why(self) -> str:
        """Why not, in words for the log; empty while it may."""
        return self._since.why

    @property
    def deadline(self) -> float | None:
        """When ``due`` wants to be asked: speech that goes on until then is no answer."""
        return self._since.unpaused_until

    def addressed(self, level_db: float | None = None) -> None:
        """Wake word or button: a person. ``level_db``: how loud the word was, if that is known
        (any reference; the same as in ``turn_over``)."""
        self._near_db = level_db
        self._since = _Since()

    def window_opened(self, now: float) -> None:
        """Speech needs no wake word from now on."""
        self._since.window_at = now

    def speech_opened(self, now: float, *, over_reply: bool = False) -> None:
        """Speech in the window opened a turn, or speech over the reply, which had to be near and
        loud: that it was there when the window opened says nothing."""
        self._since.by_voice = True
        self._since.turns += 1
        self._since.at_once = not over_reply and now - self._since.window_at < AT_ONCE_S
        self._since.turns_at_once = self._since.turns_at_once + 1 if self._since.at_once else 0
        self.speech_started(now)

    def speech_started(self, now: float) -> None:
        """Within a turn somebody speaks, after a pause or for the first time."""
        if self._since.by_voice and self._since.unpaused_until is None:
            self._since.unpaused_until = now + (
                UNPAUSED_AT_ONCE_S if self._since.at_once else UNPAUSED_S
            )

    def speech_ended(self) -> None:
        """A pause. What follows it is not what had begun before the window."""
        self._since.unpaused_until = None
        self._since.at_once = False

    def due(self, now: float) -> bool:
        """True: the turn under way is no answer. Give it up without a word."""
        if self._since.unpaused_until is None or now < self._since.unpaused_until:
            return False
        self._close("it talks without a pause")
        return True

    def turn_over(self, outcome: Outcome, level_db: float | None = None) -> None:
        """The turn is decided. ``level_db``: how loud it was, if that is known; of one that
        wake word or button opened it is the person's."""
        self._since.unpaused_until = None
        if not self._since.by_voice:
            self._near_db = level_db if self._near_db is None else self._near_db
            return
        self._since.by_voice = False
        self._since.far = self._since.far + 1 if _far(level_db, self._near_db) else 0
        self._since.in_vain = self._since.in_vain + 1 if outcome is Outcome.NOTHING else 0
        if outcome is Outcome.TOO_LONG:
            self._close("it talks on and on")
        elif self._since.turns_at_once >= IN_A_ROW:
            self._close("it talks before it can have heard the reply")
        elif self._since.in_vain >= IN_A_ROW:
            self._close("it says nothing that is meant for the appliance")
        elif self._since.far >= IN_A_ROW:
            self._close("it is much quieter than the one who said the wake word")
        elif self._since.turns >= self._turn.follow_ups:
            self._close(f"{self._since.turns} turns without the wake word")

    def _close(self, why: str) -> None:
        self._since.why = why
        self._since.unpaused_until = None
        self._since.by_voice = False


def _far(level_db: float | None, near_db: float | None) -> bool:
    return level_db is not None and near_db is not None and level_db < near_db - FAR_DB
