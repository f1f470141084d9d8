"""Whose turn it is: the state machine of one conversation.

Pure: events and the time in, commands out. The table of moves is in
:mod:`device.core.phases`. Everything that arms, disarms or times a turn is
here, but for the link (``linking.py``). What the parts can do is in ``appliance.py``,
which owns this machine.
"""

from __future__ import annotations

from collections.abc import Callable

from device.commands import (
    ClearInput,
    Command,
    CommitTurn,
    RunVad,
    StartUplink,
    WarmPlayback,
)
from device.core.linking import Linking
from device.core.phases import Phase
from device.core.tails import Tail
from device.core.tools import Toolbox
from device.core.turn_log import TurnLog
from device.events import (
    ButtonPressed,
    ErrorKind,
    Event,
    LineDrained,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    ServiceSpeechStopped,
    ServiceTrouble,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UplinkStopped,
    UserTranscript,
    WakeDetected,
)
from device.settings import Settings

#: The longest pause within a turn while the service is not reached. What is said after it would
#: be another turn, and nobody would answer that one.
OFFLINE_PAUSE_S = 2.0
#: With ``send_wake_word``: enough to hold any wake word.
WAKE_WORD_S = 1.5


class Conversation(Linking):
    """One conversation after another. ``handle`` never raises on any event order."""

    def __init__(self, settings: Settings, toolbox: Toolbox) -> None:
        super().__init__(settings, toolbox)
        self._handlers: dict[type, Callable[..., None]] = {
            WakeDetected: self._on_wake,
            ButtonPressed: self._on_press,
            SpeechStarted: self._on_speech_started,
            SpeechEnded: self._on_speech_ended,
            UplinkStopped: self._on_uplink_stopped,
            LinkOpened: self._on_link_opened,
            LinkClosed: self._on_link_closed,
            LinkFailed: self._on_link_failed,
            LineDrained: self._on_line_drained,
            ServiceSpeechStarted: self._on_service_speech_started,
            ServiceSpeechStopped: self._on_service_speech_stopped,
            TurnCommitted: self._on_turn_committed,
            UserTranscript: self._on_user_transcript,
            ReplyStarted: self._on_reply_started,
            ReplyAudioReceived: self._on_reply_audio,
            ReplyTranscript: self._on_reply_transcript,
            ToolCalled: self._on_tool_called,
            ReplyDone: self._on_reply_done,
            ServiceTrouble: self._on_service_trouble,
            PlaybackStarted: self._on_playback_started,
            PlaybackStopped: self._on_playback_stopped,
        }

        self._due: dict[str, Callable[[float], None]] = {
            "no_speech": self._due_no_speech,
            "no_verdict": self._due_no_verdict,
            "too_long": lambda now: self._give_up(now, "too_long"),
            "end_of_turn": self._due_end_of_turn,
            "waiting_cue": self._due_waiting_cue,
            "no_link": self._due_no_link,
            "no_reply": lambda now: self._fail(now, ErrorKind.SERVICE, "no reply in time"),
            "follow_up_over": self._become_idle,
            "idle_close": lambda _now: self._close_idle_link(),
        }

    # --- entry points --------------------------------------------------------

    def handle(self, event: Event, now: float, wall: float) -> list[Command]:
        """What follows from ``event``. Events of no concern are ignored."""
        handler = self._handlers.get(type(event))
        self._out = []
        self._wall = wall
        if handler is not None:
            handler(event, now)
        return self._out

    def tick(self, now: float) -> list[Command]:
        """Perform every deadline that has passed."""
        self._out = []
        # One at a time: performing a deadline may drop or move the others.
        while name := self.deadlines.take_due(now):
            self._due[name](now)
        return self._out

    def abort(self, now: float, reason: StopReason) -> list[Command]:
        """Mute, a press, a lost microphone, shutdown: back to idle from anywhere."""
        self._out = []
        self._abandon(now, reason)
        self._become_idle(now)
        return self._out

    def would_listen(self, press: ButtonPressed) -> bool:
        """Whether this press begins to listen, rather than ending what is under way.

        The edge of a press cuts before the press is told, so the cut it caused is known
        here, and happened no earlier than the press. A cut of an earlier press did.
        """
        has_cut = press.at <= self._cut_by_button_at
        return self.phase in (Phase.IDLE, Phase.FOLLOW_UP) and not has_cut

    # --- opening and closing the user's turn -----------------------------------

    def _on_wake(self, event: WakeDetected, now: float) -> None:
        heard_ms = (now - self._playing_since) * 1000
        if self._playing and self._guard.is_own_voice(event.word, heard_ms):
            self._report("wake_suppressed", word=event.word, score=round(event.score, 3))
            return
        self._report(
            "wake_detected",
            word=event.word,
            score=round(event.score, 3),
            at_frame=event.at_frame,
        )
        self._abandon(now, StopReason.WAKE)
        from_frame = event.at_frame
        if self._turn.send_wake_word:
            from_frame = max(0, from_frame - round(WAKE_WORD_S * self._capture_rate_hz))
        self._listen(now, "wake", from_frame)

    def _on_press(self, event: ButtonPressed, now: float) -> None:
        if self.would_listen(event):
            self._listen(now, "button", None, pressed_at=event.at)
        elif self.phase is not Phase.IDLE:
            self._abandon(now, StopReason.BUTTON)
            self._become_idle(now)

    def _listen(
        self, now: float, opened_by: str, from_frame: int | None, pressed_at: float | None = None
    ) -> None:
        """``pressed_at``: by the button, which may yet be held to mute. All begins at once, but
        nothing is sent before it is released (`release`): then everything since the press."""
        self._move(Phase.LISTENING)
        self._log = TurnLog(now, opened_by)
        self._speech_seen = self._taken = self._link_was_lost = self._sent_late = False
        self._pause_lasts_from = now
        self._ends_conversation = self._broken = False
        self._waiting_cue_owed = False
        self._pressed_at = pressed_at
        self.uplink_open = True
        self._out.append(WarmPlayback(True))
        if pressed_at is None:
            self._out += [RunVad(True), StartUplink(from_frame)]
            self._report("uplink_started", opened_by=opened_by, from_frame=from_frame)
        else:
            self._out.append(RunVad(False))  # it begins where the uplink does
        self.deadlines.clear()
        self.deadlines.set("no_speech", now + self._turn.no_speech_s)
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
        self._report("speech_ended", source="device", at_frame=event.at_frame)
        self._pause_lasts_from = now - quiet_s + self._turn.silence_ms / 1000
        if self._waiting_cue_owed:
            self.deadlines.set("waiting_cue", self._pause_lasts_from)
        if self._log:
            self._log.mark("speech_ended", now - quiet_s)
        if not self._speech_seen:  # its beginning was hidden by a sound of our own
            self._hear_speech(now)
        if self._service.turn_detection == "device":
            self.deadlines.set("end_of_turn", now - quiet_s + self._turn.silence_ms / 1000)
        else:
            # The service may be slow to say that it took the turn, or out of reach, or may
            # have heard nothing worth a turn: the room is not listened to for ever.
            patience_s = self._turn.no_speech_s
            if not self._link_open:  # only we can end the turn, and it is answered as one
                patience_s = min(patience_s, OFFLINE_PAUSE_S)
            self.deadlines.set("no_speech", now + patience_s)

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

    # --- the service's verdicts on the user's turn -------------------------------

    def _on_service_speech_started(self, event: ServiceSpeechStarted, now: float) -> None:
        if self.phase is Phase.LISTENING or self._undecided:
            self._report("speech_started", source="service", audio_ms=event.audio_ms)
        if self.phase is Phase.LISTENING:
            self._hear_speech(now)
        self._grant_a_moment(now)

    def _on_service_speech_stopped(self, event: ServiceSpeechStopped, now: float) -> None:
        if self.phase is Phase.LISTENING or self._undecided:
            self._report("speech_ended", source="service", audio_ms=event.audio_ms)
        self._grant_a_moment(now)

    def _on_turn_committed(self, event: TurnCommitted, now: float) -> None:
        """The codec and the runtime see to it that this is about the turn that listens now.

        Only where the device ends its turns itself can it be about another: our commits are
        answered when we have ended the turn.
        """
        self._not_taken = 0
        if self._undecided:
            self._taken = True
            self.deadlines.drop("no_verdict", "waiting_cue")
            self._tails.disown()
            self._end_turn(now, "committed", Tail.TAKEN_BACK)
            self._out.append(ClearInput())  # the pause that followed belongs to no turn
        elif self.phase is Phase.THINKING:
            self._taken = True  # our own commit is answered
        if self.phase is not Phase.LISTENING:
            return
        if self._service.turn_detection == "device":
            self._report("commit_ignored", item_id=event.item_id)
        else:
            self._taken = True
            self._end_turn(now, "committed", Tail.TAKEN_BACK)

    def _end_turn(self, now: float, reason: str, tail: Tail) -> None:
        self._close_uplink(reason, tail)
        if self._log:
            self._log.mark("committed", now)
        self._replies.expect()
        self._move(Phase.THINKING)
        if self._link_open:
            self.deadlines.set("no_reply", now + self._service.reply_timeout_s)
        # Else the turn waits for the link, and "no_link" says how long.

    def _on_user_transcript(self, event: UserTranscript, _now: float) -> None:
        self._report("user_transcript", text=event.text, final=event.final)

    def _on_service_trouble(self, event: ServiceTrouble, now: float) -> None:
        self._report("error", kind=event.kind.value, detail=event.detail, fatal=event.fatal)
        if self.phase is Phase.THINKING and event.kind is ErrorKind.QUOTA:
            self._fail(now, event.kind, event.detail)

    def _due_end_of_turn(self, now: float) -> None:
        self._end_turn(now, "end_of_turn", Tail.COMMITTED)
