"""What the Deepgram agent says: which reply it belongs to, and whether anybody wants it. Pure.

The service gives its replies no names, and goes on sending one that was cut: until it has
noticed that the user speaks, or to its end. So what comes is *stale* from the cut on, and dropped,
until a sign that cannot be of the old reply:

- ``AgentAudioDone``: the last of the old one was sent;
- ``AgentThinking`` after the service heard the user (``UserStartedSpeaking``, or what it
  understood): the next answer is being made;
- ``ConversationText`` of the agent, ``AgentStartedSpeaking`` or a function call, after what the
  user said was told.

Sound between what the user said and the first such sign is in doubt: it is held back, for a sign
to drop it, and is the next reply's when none comes in ``DOUBT_S``. So no sound of a cut reply is
emitted, and no sound of the next one lost.

What the service makes of sound that was given up is *void*, with all signs of it, until it hears
the turn that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from device.events import ReplyInterrupted
from device.providers.base import Emit, Output
from device.providers.speech import Speech

DOUBT_S = 0.3
#: More than this was never on its way of a reply that was broken off: 20 s of sound.
MOST_DOUBTED_BYTES = 2 * 24_000 * 20
#: Texts that are kept for a reply whose sound has not begun, and of one that has.
MOST_EARLY = 8
MOST_PARTS = 1000
MOST_CHARACTERS = 20_000


class Heard(IntEnum):
    """What the service has told of the user since what comes is stale."""

    NOTHING = 0
    SPEECH = 1
    WORDS = 2


class Agent:
    """``begins`` is asked, before a reply is announced, what comes first."""

    def __init__(self, begins: Callable[[], list[Output]]) -> None:
        self._begins = begins
        self._speech = Speech()
        self._words: list[str] = []  # of the reply under way
        self._early: list[str] = []  # of one that has not begun
        self._sounded = False  # the reply under way has
        self._continues = False  # tool results were given while it spoke: the next is another
        self._stale = self._void = False
        self._heard = Heard.NOTHING
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._requested = ""  #: what it was given to say, and has not begun to
        self.due: float | None = None  #: when what is held is the next reply's
        self.owed = False  #: an answer is to come that has not begun

    @property
    def speaks(self) -> bool:
        """A reply is under way."""
        return bool(self._speech.reply_id)

    @property
    def unwanted(self) -> bool:
        """What comes belongs to no reply that is under way or awaited."""
        return self._stale or self._void

    # --- commands -------------------------------------------------------------------

    def cancel(self, reply_id: str) -> list[Output]:
        if not self._speech.cancel(reply_id):
            return []
        self._drop_from_here()
        return self._end("cancelled")

    def give_up(self) -> None:
        """No turn that was sent is wanted, and no answer that was promised. The reply under way
        goes on."""
        self.owed = False
        self._requested = ""
        self._early.clear()
        self.disown()

    def disown(self) -> None:
        """Nothing is wanted that it goes on with by itself."""
        self._void = True
        self._forget_held()

    def request(self, words: str) -> bool:
        """It will be told to say ``words``; whether that must interrupt what nobody hears."""
        self.owed = True
        self._requested = words
        return self.unwanted

    def refuse(self, why: str) -> list[Output] | None:
        """It does not say what it was given. None: nothing was."""
        if not self._requested:
            return None
        self._requested, self.owed = "", False
        if self.speaks:
            return []
        return [*self._speech.begin(), *self._speech.end("failed", why)]

    def results_given(self) -> list[Output]:
        """All functions are answered: what comes next is another reply. Where the agent has
        spoken before it asked, sound of that may still be on its way."""
        self.owed = True
        if self.speaks and (self._words or self._sounded):
            self._continues = True
            return []
        return self._end("completed")

    # --- of the user ------------------------------------------------------------------

    def user_speaks(self, *, answering: bool, counts: bool) -> list[Output]:
        """The service breaks off what it says, or was about to say (``answering``).
        ``counts``: what it hears is the turn under way."""
        outputs: list[Output] = []
        if self.speaks or answering:
            reply_id = self._speech.reply_id
            outputs = self._end("cancelled", interrupted=reply_id)
            self._drop_from_here()
        self._early.clear()
        if counts:
            self._heed(Heard.SPEECH)
        return outputs

    def user_said(self) -> None:
        """What the user said was told: of the turn under way."""
        self._early.clear()
        self._heed(Heard.WORDS)

    def _heed(self, heard: Heard) -> None:
        if self._void:
            self._void, self._stale = False, True
        if self._stale:
            self._heard = max(self._heard, heard)

    # --- of the agent -------------------------------------------------------------------

    def thinks(self) -> list[Output]:
        return self._sign(Heard.SPEECH)

    def starts(self) -> list[Output]:
        """It is about to be heard."""
        if self._continues and not self._sounded:
            return []  # with what it said before it asked
        outputs = self._sign(Heard.WORDS)
        return [*outputs, *self._begin()] if self.owed and not self.unwanted else outputs

    def says(self, content: str) -> list[Output]:
        """A part of the text of a reply."""
        if self._is_requested(content):
            self._void = False
            self._certain()
        outputs = self._sign(Heard.WORDS)
        if self.speaks:
            return [*outputs, *self._tell(content)]
        if self.unwanted:
            return outputs
        if not self.owed:  # unasked: a reply as soon as it sounds
            self._early = [*self._early, content[:MOST_CHARACTERS]][-MOST_EARLY:]
            return outputs
        return [*outputs, *self._begin(), *self._tell(content)]

    def sounds(self, pcm: bytes, now: float) -> list[Output]:
        if self.speaks:
            self._sounded = True
            return self._speech.audio(pcm)
        if self._stale and not self._void and self._heard is Heard.WORDS:
            return self._hold(pcm, now)
        if self.unwanted:
            return []
        begun = self._begin()
        self._sounded = True
        return [*begun, *self._speech.audio(pcm)]

    def ends(self) -> list[Output]:
        """The last sound of a reply was sent."""
        if not self.speaks:
            self._certain()
            return []
        # Before its first word and sound the end is that of one that was cut.
        return self._end("completed") if self._sounded or self._words else []

    def asks(self) -> list[Output] | None:
        """It wants functions run; None: for a reply that nobody wants."""
        outputs = [] if self.speaks else self._sign(Heard.WORDS)
        if not self.speaks and self.unwanted:
            return None
        return [*outputs, *self._begin()]

    def call(self, call_id: str, name: str, arguments: str) -> list[Output]:
        return self._speech.call(call_id, name, arguments)

    def time_out(self, now: float) -> list[Output]:
        """No sign has come: what was held is the next reply's."""
        if self.due is None or now < self.due:
            return []
        return self._release()

    # --- the parts ------------------------------------------------------------------------

    def _sign(self, least: Heard) -> list[Output]:
        """Of a reply's beginning, where the service had heard so much of the user."""
        if self._continues and self.speaks:
            return self._end("completed")
        if self._stale and self._heard >= least:
            self._certain()
        return []

    def _certain(self) -> None:
        """Nothing more comes of what was cut."""
        self._stale, self._heard = False, Heard.NOTHING
        self._forget_held()

    def _drop_from_here(self) -> None:
        self._stale, self._heard = True, Heard.NOTHING
        self._forget_held()

    def _hold(self, pcm: bytes, now: float) -> list[Output]:
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        if self.due is None:
            self.due = now + DOUBT_S
        return self._release() if self._held_bytes > MOST_DOUBTED_BYTES else []

    def _release(self) -> list[Output]:
        held = b"".join(self._held)
        self._certain()
        begun = self._begin()
        self._sounded = True
        return [*begun, *self._speech.audio(held)]

    def _forget_held(self) -> None:
        self._held, self._held_bytes, self.due = [], 0, None

    def _is_requested(self, content: str) -> bool:
        said, wanted = (" ".join(t.casefold().split()) for t in (content, self._requested))
        return bool(said and wanted) and (wanted.startswith(said) or said.startswith(wanted))

    def _begin(self) -> list[Output]:
        if self.speaks:
            return []
        outputs = [*self._begins(), *self._speech.begin()]
        self._sounded = self._continues = self.owed = False
        self._requested = ""
        early, self._early = self._early, []
        return [*outputs, *(o for content in early for o in self._tell(content))]

    def _tell(self, content: str) -> list[Output]:
        length = sum(map(len, self._words)) + len(content)
        if len(self._words) >= MOST_PARTS or length > MOST_CHARACTERS:
            return []
        gap = " " if self._words else ""
        self._words.append(content)
        return self._speech.words(gap + content, final=False)

    def _end(self, status: str, interrupted: str = "") -> list[Output]:
        outputs: list[Output] = []
        if self._words:
            outputs += self._speech.words(" ".join(self._words), final=True)
        if interrupted:
            outputs.append(Emit(ReplyInterrupted(interrupted)))
        self._words, self._sounded, self._continues = [], False, False
        return [*outputs, *self._speech.end(status)]
