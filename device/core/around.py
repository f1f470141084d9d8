"""What happens around a turn: a sign while the reply is slow, and silence where one was invited.

Pure policies: events and the time in, what to do out. Both are told what happens by the
conversation, and neither knows phases, links or sounds. The numbers are settings
(:class:`device.settings.TurnSettings`).
"""

from __future__ import annotations

from enum import Enum, auto

from device.core.invitation import invites
from device.settings import TurnSettings

#: "Are you still there?" was asked: so long is listened at least.
ASKED_S = 5.0


class Sign(Enum):
    """That the answer is on its way."""

    FIRST = auto()  #: of this turn
    AGAIN = auto()  #: it still is


class SlowReply:
    """When to give a sign, and until when. The first once a turn, then one every so often.

    A sign is never given over a reply: ``stop`` comes with the reply's first sample to *arrive*,
    before it can sound. A sound that still plays is faded out then. A phrase that has begun is
    said to its end, the reply waits behind it: half a word sounds like a fault, and a phrase as
    short as "One moment." costs less than a second. One that has not begun is not said.
    """

    def __init__(self, turn: TurnSettings) -> None:
        self._turn = turn
        self._due: float | None = None
        self._next = Sign.FIRST
        self._given = False

    def apply(self, turn: TurnSettings) -> None:
        """Live settings; a deadline that is set stays."""
        self._turn = turn

    @property
    def deadline(self) -> float | None:
        """When ``due`` wants to be asked."""
        return self._due

    def begin(self, now: float) -> None:
        """A turn is over, and the service has it: its reply is awaited from now on."""
        self._next, self._given = Sign.FIRST, False
        self._arm(now, self._turn.slow_reply_s)

    def resume(self, now: float) -> None:
        """Part of the reply was heard to its end ("let me look that up"), and there is more to
        come. That was a sign itself, so the next is one that repeats it."""
        self._next, self._given = Sign.AGAIN, False
        self._arm(now, self._turn.slow_again_s)

    def due(self, now: float) -> Sign | None:
        """The sign to give now, if any."""
        if self._due is None or now < self._due:
            return None
        sign, self._next = self._next, Sign.AGAIN
        self._given = True
        self._arm(now, self._turn.slow_again_s)
        return sign

    def stop(self) -> bool:
        """The reply comes, or nobody waits for it any more. Returns whether a sign was given
        that may still sound, or be on its way."""
        given, self._due, self._given = self._given, None, False
        return given

    def _arm(self, now: float, delay_s: float) -> None:
        never = delay_s == 0 or self._turn.slow_reply_s == 0
        self._due = None if never else now + delay_s


class Next(Enum):
    """What follows a window in which nobody spoke."""

    ASK = auto()  #: "are you still there?"
    GOODBYE = auto()  #: "I'll be here.", then no more
    CLOSE = auto()  #: without a word


class _After(Enum):
    REPLY = auto()  #: one that invited nobody
    INVITATION = auto()
    ASKING = auto()  #: to be said, or being said
    QUESTION = auto()  #: was heard
    LEAVING = auto()
    APOLOGY = auto()


class StillThere:
    """How long to listen without the wake word, and what to say when nobody speaks.

    After most replies silence is the end of the conversation, and nothing is said about it.
    After one that asks something it is asked once whether somebody is there, listened to again,
    and then closed with a word. ``ask`` and ``goodbye``: whether there are words for these.
    """

    def __init__(self, turn: TurnSettings, *, ask: bool, goodbye: bool) -> None:
        self.apply(turn, ask=ask, goodbye=goodbye)
        self._after = _After.REPLY

    def apply(self, turn: TurnSettings, *, ask: bool, goodbye: bool) -> None:
        """Live settings; the next answer follows them."""
        self._turn, self._ask, self._goodbye = turn, ask, goodbye

    def heard(self, reply: str) -> float:
        """A reply, or what ``silence`` or ``apologise`` wanted said, was heard to its end. How
        many seconds to listen now; 0: not at all. ``reply``: its transcript, if there is one."""
        window_s = self._turn.follow_up_s
        longer_s = max(window_s, self._turn.invited_s)
        match self._after:
            case _After.ASKING:
                self._after = _After.QUESTION
                window_s = max(window_s, ASKED_S)
            case _After.LEAVING:
                self._after = _After.REPLY
                return 0.0
            case _After.APOLOGY:
                self._after, window_s = _After.REPLY, longer_s
            case _ if invites(reply):
                self._after, window_s = _After.INVITATION, longer_s
            case _:
                self._after = _After.REPLY
        return window_s if self._turn.follow_up_s > 0 else 0.0

    def silence(self) -> Next:
        """The window is over, and nobody spoke."""
        if self._after is _After.INVITATION and self._ask:
            self._after = _After.ASKING
            return Next.ASK
        if self._after is _After.QUESTION and self._goodbye:
            self._after = _After.LEAVING
            return Next.GOODBYE
        self._after = _After.REPLY
        return Next.CLOSE

    def apologise(self) -> None:
        """What is said next tells that nothing was understood: they will try again."""
        self._after = _After.APOLOGY

    def forget(self) -> None:
        """Somebody spoke, or what was to be said cannot be said, or the conversation is over."""
        self._after = _After.REPLY
