"""The person's turn: when the uplink opens, what the ear tells of it, when it is over."""

from __future__ import annotations

from device.commands import (
    ClearInput,
    Command,
    CommitTurn,
    Cue,
    JudgeTurn,
    PlayCue,
    RunVad,
    StartUplink,
    WarmPlayback,
)
from device.core import going_on
from device.core.budget import Budget
from device.core.phases import Phase
from device.core.tails import Tail
from device.core.turn_log import TurnLog
from device.events import (
    SpeechEnded,
    SpeechStarted,
    StopReason,
    TurnJudged,
    UplinkStopped,
)

#: The longest pause within a turn while the service is not reached. What is said after it would
#: be another turn, and nobody would answer that one.
OFFLINE_PAUSE_S = 2.0
#: Who was heard to go on is heard by the detector within this time, or has said all.
HEARD_WITHIN_S = 1.0


class Listening(Budget):
    """Handlers of everything that the ear tells of a turn."""

    def _listen(
        self, now: float, opened_by: str, from_frame: int | None, pressed_at: float | None = None
    ) -> None:
        """``pressed_at``: by the button, which may yet be held to mute. All begins at once, but
        nothing is sent before it is released (`release`): then everything since the press."""
        self._log = TurnLog(now, opened_by)
        self._speech_ms = 0
        self._level_db = None
        self._turn_from = from_frame
        self._opened_at = now
        self._went_on = 0
        self._end_of_turn.new_turn()
        self._history.turn_begins()
        self._still_there.forget()
        self._begin_to_listen(now)
        self._link_was_lost = False
        self._pressed_at = pressed_at
        self._addressed = opened_by in ("wake", "button")
        if self._addressed:
            self._company.addressed()
        else:
            self._company.speech_opened(now, over_reply=opened_by == "barge_in")
        self._out.append(WarmPlayback(True))
        if pressed_at is None:
            self._out += [RunVad(True), StartUplink(from_frame)]
            self._report("uplink_started", opened_by=opened_by, from_frame=from_frame)
        else:
            self._out.append(RunVad(False))  # it begins where the uplink does
        self.deadlines.set("no_speech", now + self._turn.no_speech_s)
        self._note_company()
        self._want_link(now)

    def _begin_to_listen(self, now: float) -> None:
        """Nothing that was heard or told before counts any more."""
        self._move(Phase.LISTENING)
        self._speech_seen = self._taken = self._sent_late = False
        self._turn_item = ""
        self._speech_from = None
        self._pause_lasts_from = now
        self._ends_conversation = self._broken = False
        self._waiting_cue_owed = False
        self._reply_text = ""
        self.uplink_open = True
        self.deadlines.clear()

    def _listen_on(self, now: float, from_frame: int, *, whole: bool) -> None:
        """The turn that was taken for over goes on: somebody speaks, and what is known of the
        turn stays known. ``whole``: ``from_frame`` is where it began; else the service has what
        came before."""
        if self._log:
            self._log.goes_on()
        self._begin_to_listen(now)
        self._went_on += 1
        if whole:
            self._history.turn_again()
        # Of a turn in two parts a lost session takes the first with it.
        self._link_was_lost |= not whole
        self._turn_from = from_frame
        self._speech_seen = True
        self._pause_lasts_from = float("inf")
        self._out += [RunVad(True), StartUplink(from_frame)]
        self._report("uplink_started", opened_by="going_on", from_frame=from_frame)
        if self._device_ends_turns:
            self.deadlines.set("end_of_turn", now + HEARD_WITHIN_S)
        else:
            self.deadlines.set("no_speech", now + self._turn.no_speech_s)
        if self._link_open:
            self.deadlines.set("too_long", now + self._turn.longest_s)
        self._note_company()
        self._want_link(now)

    def release(self, now: float) -> list[Command]:
        """The button was let go before it meant mute: what it held back is sent."""
        self._out = []
        if self._pressed_at is not None:
            held_s = now - self._pressed_at
            self._pressed_at = None
            # The core does not know which frame was captured at the press, only how long ago
            # that was; 0 would be the first frame of all.
            frames = max(1, round(held_s * self._capture_rate_hz))
            self._out += [RunVad(True), StartUplink(-frames)]
            held_back_ms = round(held_s * 1000)
            self._report("uplink_started", opened_by="button", held_back_ms=held_back_ms)
        return self._out

    # --- the microphone's verdicts ----------------------------------------------

    def _on_speech_started(self, event: SpeechStarted, now: float) -> None:
        if self.phase is Phase.FOLLOW_UP:
            self._listen(now, "follow_up", event.at_frame)
        if self.phase is Phase.LISTENING and self._pressed_at is None:
            self._report("speech_started", source="device", at_frame=event.at_frame)
            self._speech_from = event.at_frame
            if self._turn_from is None:
                spoke_at = now - self._vad.onset_ms / 1000
                self._turn_from = going_on.first_frame(
                    event.at_frame, spoke_at - self._opened_at, self._capture_rate_hz
                )
            self._company.speech_started(now)
            self._end_of_turn.speech_started(now - self._vad.onset_ms / 1000)
            self._note_company()
            self._hear_speech(now)
            # The waiting cue is not played into what is being said.
            self._pause_lasts_from = float("inf")

    def _hear_speech(self, now: float) -> None:
        if not self._speech_seen:
            self._speech_seen = True
            if self._link_open:
                self.deadlines.set("too_long", now + self._turn.longest_s)
        self.deadlines.drop("no_speech", "end_of_turn")

    def _on_speech_ended(self, event: SpeechEnded, now: float) -> None:
        if self.phase is not Phase.LISTENING or self._pressed_at is not None:
            return
        quiet_s = self._vad.hangover_ms / 1000
        self._hear_level(event.level_db)
        self._company.speech_ended()
        self._note_company()
        if self._speech_from is not None:
            frames = max(0, event.at_frame - self._speech_from)
            self._speech_ms += frames * 1000 // self._capture_rate_hz
            self._speech_from = None
        self._report("speech_ended", source="device", at_frame=event.at_frame)
        self._pause_lasts_from = now - quiet_s + self._turn.silence_ms / 1000
        if self._waiting_cue_owed:
            self.deadlines.set("waiting_cue", self._pause_lasts_from)
        if self._log:
            self._log.mark("speech_ended", now - quiet_s)
        if not self._speech_seen:  # its beginning was hidden by a sound of our own
            self._hear_speech(now)
        if self._device_ends_turns:
            wait = self._end_of_turn.speech_ended(now - quiet_s)
            self.deadlines.set("end_of_turn", wait.end_at)
            self._quiet_from = event.at_frame
            if wait.judge:
                self._out.append(JudgeTurn())
        else:
            # The service may be slow to say that it took the turn, or out of reach, or may
            # have heard nothing worth a turn: the room is not listened to for ever.
            patience_s = self._turn.no_speech_s
            if not self._link_open:  # only we can end the turn, and it is answered as one
                patience_s = min(patience_s, OFFLINE_PAUSE_S)
            self.deadlines.set("no_speech", now + patience_s)

    def _hear_level(self, level_db: float | None) -> None:
        """How loud the one is whose turn this is: of its parts the loudest."""
        if level_db is not None:
            self._level_db = max(level_db, self._level_db or level_db)

    def _on_turn_judged(self, event: TurnJudged, _now: float) -> None:
        """It comes late, or never: then silence alone decides."""
        if self.phase is not Phase.LISTENING or event.to_frame < self._quiet_from:
            return  # it is about another pause
        wait = self._end_of_turn.judged(event.finished)
        if wait is not None:
            self._report("turn_judged", finished=round(event.finished, 2))
            self.deadlines.set("end_of_turn", wait.end_at)

    def _due_no_speech(self, now: float) -> None:
        if self._speech_seen:
            self._await_verdict(now)
        else:
            self._give_up(now, "no_speech")

    def _on_uplink_stopped(self, _event: UplinkStopped, _now: float) -> None:
        match self._tails.ended():
            case Tail.COMMITTED:
                self._out.append(CommitTurn())
            case Tail.TAKEN_BACK:
                self._out.append(ClearInput())
            case Tail.DROPPED | Tail.KEPT | None:
                pass

    def _end_turn(self, now: float, reason: str, tail: Tail) -> None:
        self._close_uplink(reason, tail)
        if self._log:
            self._log.mark("committed", now)
        self._replies.expect()
        self._move(Phase.THINKING)
        self._just_ended = True
        self.deadlines.drop("company")
        if self._link_open:
            self._await_reply(now)
            self._wait_for_sign(now, self._first_sign_within_s)
        # Else the turn waits for the link, and "no_link" says how long.

    def _due_end_of_turn(self, now: float) -> None:
        self._end_turn(now, "end_of_turn", Tail.COMMITTED)

    def _due_company(self, now: float) -> None:
        """Whoever talks on like this does not talk to us."""
        if self._company.due(now):
            self._report("company", detail=self._company.why)
            self._abandon(now, StopReason.ERROR)
            if self._log and self._log.opened_by == "barge_in":  # near, so perhaps a person
                self._out.append(PlayCue(Cue.GAVE_UP))
            self._become_idle(now)
        else:
            self._note_company()
