"""Whose is what an ElevenLabs agent says? Pure; times in seconds.

The agent ends the turns, cannot be told to stop or to forget, and gives neither turns nor replies
a name. So this is told from the order of things:

- A turn is *open* when sound was sent that no turn has taken. The user's transcript takes it, or,
  where the agent sends none, the first of the answer: its words, its sound or a tool's call.
- What the device sends behind a turn that was taken, until it has stopped, is *tail*: it is not
  passed on, so nothing can come of it.
- Once a reply was cut, or a turn given up that was taken, the agent is *muted*: what it says is
  nobody's until an ``interruption`` (the agent itself broke off, all that follows is new) or the
  transcript of a newer turn. For an agent that sends no transcripts, its next words do it, when it
  had already told those of the reply that was cut, or a silence that no living line has.
- What was sent and then given up may still become a turn of the agent's, soon. A transcript that
  comes before enough was said since (`FRESH_S`), or that may have been on its way before any of it
  was received (the fence), is of that turn, and so is the reply to it.
- What the agent says before anybody has said anything is its greeting, and no answer. Nor is what
  it says in a turn that nobody can have finished (`SHORTEST_S`): it is unasked, or the rest of what
  it said before a pause.
"""

from __future__ import annotations

from enum import Enum, auto

FRESH_S = 1.0
"""Nobody is transcribed sooner: a word of 0.3 s, and the silence that ends a turn."""
SHORTEST_S = 0.8
"""Nor answered: there must be some silence behind the word."""
STALE_S = 10.0
"""By then an agent has taken what was given up, or will not."""
FENCE_S = 5.0
"""The fence may never pass."""
SPENT_S = 10.0
"""More than a line may be silent before the link takes it for lost."""
TAIL_S = 2.0
"""The device stops sending sooner, and says so."""
GREETING_S = 4.0


class Sign(Enum):
    """What shows that the agent answers."""

    SOUND = auto()
    WORDS = auto()
    CALL = auto()


class Whose(Enum):
    TURN = auto()  #: it takes the user's open turn
    ANSWER = auto()  #: it belongs to the turn that was taken
    UNASKED = auto()  #: the agent says it of its own accord
    AGAIN = auto()  #: it was told already
    NOBODY = auto()  #: it comes of what was called off: not to be emitted


class Turns:
    """One session's. ``greets``: the agent may speak first."""

    def __init__(self, *, greets: bool) -> None:
        self._greeting_until = 0.0
        self._greets = greets
        self._count = 0
        self._fences = 0
        self.open = False
        self.owed = False  #: the answer to a turn, or what follows a tool's result, is to come
        self.transcribes = False  #: the agent has sent a transcript
        self._transcribed = True  # the turn that was taken last
        self._transcript: int | None = None  # the number of the newest
        self._spoke = False
        self._turn_s = 0.0  # what it heard of the turn that is open
        self._fresh_s = 0.0  # and since something was given up
        self._stale_until = 0.0
        self._fence: str | None = None  # None: to be asked for; empty: passed
        self._fence_until = 0.0
        self._tail_until = 0.0
        self.muted = False  #: what the agent says is nobody's
        self._told = False  # the words of the reply that is muted
        self._signed_at = 0.0  # when the agent last said anything

    @property
    def name(self) -> str:
        """Of the turn that was taken last."""
        return f"turn_{self._count}"

    def begin(self, now: float) -> None:
        """The session is usable."""
        self._greeting_until = now + GREETING_S if self._greets else now

    # --- what the device does -----------------------------------------------------------

    def sound(self, seconds: float, now: float) -> bool:
        """The device sends so much of it. Whether to pass it on."""
        if now < self._tail_until:
            return False
        if not self.open:
            self.open, self._turn_s = True, 0.0
        self._turn_s += seconds
        self._fresh_s += seconds
        return True

    def silence(self, seconds: float) -> None:
        """So much of it was sent behind the sound."""
        if self.open:
            self._turn_s += seconds
            self._fresh_s += seconds

    def fence_wanted(self, now: float) -> str:
        """The token of a fence to be asked for behind the sound; empty: none."""
        if now >= self._stale_until or self._fence is not None:
            return ""
        self._fences += 1
        self._fence = f"given_up_{self._fences}"
        self._fence_until = now + FENCE_S
        return self._fence

    def fence_passed(self, token: str) -> None:
        if token == self._fence:
            self._fence = ""

    def clear(self, now: float) -> None:
        """Nothing is to come of what is in no turn."""
        self._tail_until = 0.0
        if self.open:
            self.open = False
            self._go_stale(now)

    def abandon(self, now: float) -> bool:
        """Nor of the turn that was taken. Whether anything may."""
        may = self.open or self.owed
        self.clear(now)
        self._expect_late_transcript(now)
        if self.owed:
            self.owed = False
            self._mute(now)
        return may

    def cut(self, now: float, *, told: bool) -> None:
        """The reply under way is called off; ``told``: its words have come."""
        self._tail_until = 0.0
        self._expect_late_transcript(now)
        self._mute(now, told=told)

    def reply_over(self) -> None:
        """Whatever the device sends from now on is no tail."""
        self._tail_until = 0.0

    # --- what the agent does --------------------------------------------------------------

    def transcript(self, event_id: int | None, now: float) -> Whose:
        """The user's words, as the agent understood them."""
        self.transcribes = True
        again = event_id is not None and event_id == self._transcript
        self._transcript = event_id
        if again and not self.open:
            return Whose.AGAIN
        if self._given_up(now):
            self._mute(now)
            return Whose.NOBODY
        if self.open:
            self._take(now, transcribed=True)
            return Whose.TURN
        if self.owed or not self._transcribed:
            self._transcribed = True
            return Whose.ANSWER
        self._mute(now)  # it heard another turn in what is none
        return Whose.NOBODY

    def sign(self, sign: Sign, now: float) -> Whose:
        """It begins to answer; no reply is under way."""
        if self.muted and not self._is_new(sign, now):
            self._told |= sign is Sign.WORDS
            self._signed_at = now
            return Whose.NOBODY
        self.muted = False
        self._signed_at = now
        if not self.owed and self._given_up(now):
            self._mute(now, told=sign is Sign.WORDS)
            return Whose.NOBODY
        first, self._spoke = not self._spoke, True
        if self.owed:
            self.owed = False
            return Whose.ANSWER
        greets = first and not self.transcribes and now < self._greeting_until
        if not self.open or greets or self._turn_s < SHORTEST_S:
            return Whose.UNASKED
        self._take(now, transcribed=False)
        self.owed = False
        return Whose.TURN

    def interrupted(self, *, heard: bool) -> None:
        """The agent broke off what it was saying; ``heard``: for a reply that nobody had cut."""
        self.muted = False
        if heard:  # by the user, whose words the agent has begun to hear
            self.open, self._turn_s = True, SHORTEST_S
            self._tail_until = 0.0

    # --- small things ----------------------------------------------------------------------

    def _take(self, now: float, *, transcribed: bool) -> None:
        self._count += 1
        self.open, self.owed = False, True
        self._transcribed = transcribed
        self.muted = False
        self._stale_until = 0.0
        self._tail_until = now + TAIL_S

    def _mute(self, now: float, *, told: bool = False) -> None:
        self.muted, self._told = True, told
        self._signed_at = now

    def _go_stale(self, now: float) -> None:
        self._stale_until = now + STALE_S
        self._fresh_s = 0.0
        self._fence = None

    def _expect_late_transcript(self, now: float) -> None:
        if not self._transcribed:
            self._transcribed = True
            self._go_stale(now)

    def _given_up(self, now: float) -> bool:
        """What the agent has understood now is what was given up."""
        if now >= self._stale_until:
            return False
        crossing = bool(self._fence) and now < self._fence_until
        return not self.open or self._fresh_s < FRESH_S or crossing

    def _is_new(self, sign: Sign, now: float) -> bool:
        """An agent without transcripts begins another reply."""
        if self.transcribes:
            return False
        if sign is Sign.WORDS and self._told and self.open and not self._given_up(now):
            return True
        return now - self._signed_at >= SPENT_S
