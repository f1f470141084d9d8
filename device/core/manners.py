"""What the device says and does of its own accord around a turn: signs, phrases, closing.

The policies are those of ``around.py``, ``company.py`` and ``understood.py``; here they meet
the state machine.
"""

from __future__ import annotations

from device.commands import Command, Cue, PlayCue, RequestReply, RunVad, SpeakPhrase
from device.core.around import Next, Sign
from device.core.company import Outcome
from device.core.phases import Phase
from device.core.phrasebook import PATIENCE_S, Phrase
from device.core.turn import TurnState
from device.events import PhraseFailed, StopReason
from device.settings import Settings

#: While a sign that the reply is on its way still sounds, or somebody seems to speak, the next
#: waits for so long.
SIGN_WAITS_S = 0.5


class Manners(TurnState):
    """The device's own words, and who is meant by what is heard."""

    def apply(self, settings: Settings) -> None:
        super().apply(settings)
        self._phrases.apply(settings.phrases)
        self._sign.apply(settings.turn)
        self._company.apply(settings.turn)
        asks, leaves = (self._phrases.text(p) for p in (Phrase.STILL_THERE, Phrase.GOODBYE))
        self._still_there.apply(settings.turn, ask=bool(asks), goodbye=bool(leaves))

    def wants_phrase(self, phrase_id: str) -> bool:
        """Whether this phrase, now spoken, is still to be played."""
        return self._phrases.awaits(phrase_id)

    # --- a sign while the reply is slow ------------------------------------------------

    def _await_reply(self, now: float, *, again: bool = False) -> None:
        """The service has the turn. ``again``: part of its reply was heard already."""
        if again:
            self._sign.resume(now)
        else:
            self._sign.begin(now)
        self._set_sign()

    def _set_sign(self) -> None:
        if self._sign.deadline is not None:
            self.deadlines.set("slow_reply", self._sign.deadline)

    def _due_slow_reply(self, now: float) -> None:
        if self._sign_said:  # one after the other: the reply would have to wait for them all
            self.deadlines.set("slow_reply", now + SIGN_WAITS_S)
            return
        sign = self._sign.due(now)
        self._set_sign()
        if sign is None or self.phase is not Phase.THINKING:
            return
        if self._turn.slow_reply == "sound":
            self._out.append(PlayCue(Cue.WORKING))
            return
        self._say_sign(Phrase.MOMENT if sign is Sign.FIRST else Phrase.STILL_WORKING)

    def _say_sign(self, phrase: Phrase) -> bool:
        """Before the reply, in the device's own voice; False when it is not to be said."""
        command = self._phrases.say(phrase, link_open=self._link_open, reply_awaited=True)
        if command is None:
            return False
        self._report("phrase", phrase=phrase.value)
        self._note_own_words(command)
        self._sign_said = self._phrases.awaited
        self._out.append(command)
        return True

    # --- words of our own ---------------------------------------------------------------

    def _say(self, phrase: Phrase, now: float) -> bool:
        """Have it said, as though it were a reply; False when it is not to be, or cannot."""
        self._stop_sign()
        command: Command | None = self._phrases.say(
            phrase, link_open=self._link_open, reply_awaited=self._replies.awaited
        )
        if command is None:
            return False
        voice = "service" if isinstance(command, RequestReply) else "device"
        self._report("phrase", phrase=phrase.value, voice=voice)
        self._note_own_words(command)
        if isinstance(command, SpeakPhrase):
            self._replies.expect_phrase(command.phrase_id)
        else:
            self._replies.expect()
        self._out += [RunVad(False), command]
        self._taken = True  # no turn of the person's is at stake
        self._move(Phase.THINKING)
        self.deadlines.drop("follow_up_over")
        self.deadlines.set("no_phrase", now + PATIENCE_S)
        return True

    def _note_own_words(self, command: Command) -> None:
        """They may hold the wake word. What the service says, it tells of as of any reply."""
        if isinstance(command, SpeakPhrase):
            self._own_words.begins(command.phrase_id, command.text)

    def _due_no_phrase(self, now: float) -> None:
        """It is not worth waiting for."""
        self._report("phrase_failed", detail=f"nothing came within {PATIENCE_S:g} s")
        self._give_up_phrase(now)

    def _on_phrase_failed(self, event: PhraseFailed, now: float) -> None:
        self._report("phrase_failed", detail=event.detail)
        self._sign_over(event.phrase_id)
        if self._replies.is_current(event.phrase_id):
            self._give_up_phrase(now)

    def _sign_over(self, phrase_id: str) -> None:
        """It was heard, or will not be."""
        if phrase_id == self._sign_said:
            self._sign_said = ""

    def _give_up_phrase(self, now: float) -> None:
        self._still_there.forget()
        self._phrases.withdraw()
        self._abandon(now, StopReason.ERROR)
        self._become_idle(now)

    def _apologise(self, now: float) -> bool:
        """Say that nothing was understood; they will try again."""
        self._still_there.apologise()
        if self._say(Phrase.NOT_UNDERSTOOD, now):
            return True
        self._still_there.forget()
        return False

    # --- after a reply -------------------------------------------------------------------

    def _follow_up(self, now: float) -> None:
        """A reply was heard to its end: listen for a while without the wake word, or do not."""
        self._company.turn_over(
            Outcome.ANSWERED if self._replies.any_heard else Outcome.NOTHING, self._level_db
        )
        window_s = self._still_there.heard(self._reply_text)
        self._reply_text = ""
        if not self._company.may_listen:
            self._report("company", detail=self._company.why)
        if self._ends_conversation or window_s == 0 or not self._may_follow_up:
            self._become_idle(now)
            return
        self._move(Phase.FOLLOW_UP)
        self._company.window_opened(now)
        self._out.append(RunVad(True))
        self.deadlines.set("follow_up_over", now + window_s)

    @property
    def _may_follow_up(self) -> bool:
        return self._link_open and self._company.may_listen

    def _due_follow_up_over(self, now: float) -> None:
        match self._still_there.silence():
            case Next.ASK:
                said = self._say(Phrase.STILL_THERE, now)
            case Next.GOODBYE:
                said = self._say(Phrase.GOODBYE, now)
            case Next.CLOSE:
                said = False
        if not said:
            self._still_there.forget()
            self._become_idle(now)

    # --- who is it that speaks? --------------------------------------------------------------

    def _note_company(self) -> None:
        """Keep the deadline of speech that does not pause."""
        if self._company.deadline is None:
            self.deadlines.drop("company")
        else:
            self.deadlines.set("company", self._company.deadline)
