"""When an ElevenLabs agent has said all: it does not tell. Pure; times in seconds.

Its sound comes faster than it is played. So a reply is over when its sound, played from when it
began to come, must have come to its end and nothing more has come: whoever listens again after it
waits for nothing, and playback does not run dry. Where the sound comes only as fast as it is
played, a silence must last a moment, a short one when every letter of the words that were told
has been voiced (``alignment``), a longer one when many have not been, or when other words were
told since. What comes later the core takes for the rest of the answer, for a while
(``Capabilities.tells_ends``).

Where the agent seems to have only begun, with a word that fills its pause ("Hmm."), or a sentence
that trails off ("Let me see..."), a silence behind its sound is waited for. After a tool's result
it thinks anew: what comes meanwhile may be the end of what it said before, so more patience is
taken until its next words are told. No silence within a reply is waited for longer than
``most_s``, which stays below what the core waits (``service.reply_timeout_s``).
"""

from __future__ import annotations

from device.providers.elevenlabs_wire import letters

LEAST_S = 1.0
ALL_VOICED_S = 0.5
MORE_S = 3.0
CONTINUES_S = 5.0
MOSTLY_VOICED = 0.7
"""Words and what is voiced of them differ: numbers are read out, remarks are not."""

FILLER_LETTERS = 6
"""An answer is hardly ever that short."""

TRAILS_OFF = ("...", "…", ",", ":", "-", "–", "—")


class Quiet:
    """One reply at a time. ``most_s``: the longest silence within one."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._letters = self._voiced = 0
        self._played_until = 0.0
        self._continued = self._continues = self._owes_sound = self._trails_off = False
        self.told = False  #: its words have come
        self.sounded = False
        self.due: float | None = None  #: when it is over, unless something comes

    def begin(self, now: float, *, continues: bool) -> None:
        """A reply begins; ``continues``: after a tool's result."""
        self._letters = self._voiced = 0
        self._played_until = now
        self._continued = self._continues = continues
        self._owes_sound = self._trails_off = False
        self.told = self.sounded = False
        self.due = now + self._most_s

    def stop(self) -> None:
        self.due = None

    def sound(self, seconds: float, voiced: int, now: float) -> None:
        """So much of it came, with so many letters in it."""
        self._played_until = max(self._played_until, now) + seconds
        self._voiced += voiced
        self.sounded, self._owes_sound = True, False
        self._wait(now)

    def words(self, text: str, now: float) -> None:
        """What it says, or says next."""
        self._letters += letters(text)
        self._trails_off = text.rstrip().endswith(TRAILS_OFF)
        self._owes_sound = self.told
        self.told, self._continues = True, False
        self._wait(now)

    def goes_on(self, now: float) -> None:
        """The agent was told something in the middle of it, and thinks."""
        self._continues = True
        self._wait(now)

    def _wait(self, now: float) -> None:
        left_s = max(0.0, self._played_until - now)
        if not self.sounded:
            wait_s = self._most_s
        elif self.told and not self._continues and (self._trails_off or self._fills_a_pause):
            wait_s = left_s + MORE_S
        else:
            wait_s = max(left_s, self._least_s)
        self.due = now + min(wait_s, self._most_s)

    @property
    def _least_s(self) -> float:
        if self._continues:
            return CONTINUES_S
        if self.told and self._voiced >= self._letters > 0:
            return ALL_VOICED_S
        if self._owes_sound or 0 < self._voiced < MOSTLY_VOICED * self._letters:
            return MORE_S
        return LEAST_S

    @property
    def _fills_a_pause(self) -> bool:
        """What follows a tool's result ("Done.") does not."""
        return 0 < self._letters <= FILLER_LETTERS and not self._continued
