"""Whose turn it is: the state machine of one conversation.

Pure: events and the time in, commands out. The table of moves is in
:mod:`device.core.phases`. Here each event and each deadline finds its handler, and wake word,
button and the service's verdicts on a turn have theirs; the others are in the layers below
(:mod:`device.core.turn` lists them). What the parts can do is in ``appliance.py``, which owns
this machine.
"""

from __future__ import annotations

from collections.abc import Callable

from device.capabilities import Capabilities
from device.commands import (
    ChoosePersona,
    ClearInput,
    CloseLink,
    Command,
)
from device.core.company import Outcome
from device.core.interrupting import Interrupting
from device.core.phases import Phase
from device.core.tails import Tail
from device.core.tools import Toolbox
from device.core.wake_actions import WAKE, wake_actions
from device.events import (
    BudgetNeared,
    BudgetReached,
    BudgetRestored,
    ButtonPressed,
    ErrorKind,
    Event,
    LineDrained,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    NearEndHeard,
    PhraseFailed,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    ServiceSpeechStopped,
    ServiceTrouble,
    ServiceWorking,
    SessionExpiring,
    SessionOpening,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    SuccessorFailed,
    SuccessorReady,
    ToolCalled,
    TurnCommitted,
    TurnJudged,
    UplinkStopped,
    UserTranscript,
    WakeDetected,
)
from device.settings import Settings

#: With ``send_wake_word``: enough to hold any wake word.
WAKE_WORD_S = 1.5


class Conversation(Interrupting):
    """One conversation after another. ``handle`` never raises on any event order."""

    def __init__(self, settings: Settings, toolbox: Toolbox, able: Capabilities) -> None:
        super().__init__(settings, toolbox, able)
        self._actions = wake_actions(settings.wake)
        self._persona = ChoosePersona()
        self._handlers: dict[type, Callable[..., None]] = {
            WakeDetected: self._on_wake,
            ButtonPressed: self._on_press,
            NearEndHeard: self._on_near_end,
            SpeechStarted: self._on_speech_started,
            SpeechEnded: self._on_speech_ended,
            TurnJudged: self._on_turn_judged,
            UplinkStopped: self._on_uplink_stopped,
            SessionOpening: self._on_session_opening,
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
            ReplyInterrupted: self._on_reply_interrupted,
            ServiceWorking: self._on_service_working,
            SessionExpiring: self._on_session_expiring,
            BudgetNeared: self._on_budget_neared,
            BudgetReached: self._on_budget_reached,
            BudgetRestored: self._on_budget_restored,
            SuccessorReady: self._on_successor_ready,
            SuccessorFailed: self._on_successor_failed,
            ServiceTrouble: self._on_service_trouble,
            PlaybackStarted: self._on_playback_started,
            PlaybackStopped: self._on_playback_stopped,
            PhraseFailed: self._on_phrase_failed,
        }

        self._due: dict[str, Callable[[float], None]] = {
            "no_speech": self._due_no_speech,
            "no_verdict": self._due_no_verdict,
            "too_long": lambda now: self._give_up(now, "too_long"),
            "end_of_turn": self._due_end_of_turn,
            "waiting_cue": self._due_waiting_cue,
            "no_link": self._due_no_link,
            "no_reply": lambda now: self._fail(now, ErrorKind.SERVICE, "no reply in time"),
            "follow_up_over": self._due_follow_up_over,
            "barge_in": self._due_barge_in,
            "slow_reply": self._due_slow_reply,
            "no_phrase": self._due_no_phrase,
            "company": self._due_company,
            "idle_close": lambda _now: self._close_idle_link(),
            "slow_link": self._due_slow_link,
            "rollover": self._due_rollover,
            "no_budget": self._due_no_budget,
            "go_back": self._due_go_back,
        }

    # --- entry points --------------------------------------------------------

    def handle(self, event: Event, now: float, wall: float) -> list[Command]:
        """What follows from ``event``. Events of no concern are ignored."""
        handler = self._handlers.get(type(event))
        self._out = []
        self._wall = wall
        if handler is not None:
            handler(event, now)
        return self._with_guard()

    def tick(self, now: float) -> list[Command]:
        """Perform every deadline that has passed."""
        self._out = []
        # One at a time: performing a deadline may drop or move the others.
        while name := self.deadlines.take_due(now):
            self._due[name](now)
        return self._with_guard()

    def abort(self, now: float, reason: StopReason) -> list[Command]:
        """Mute, a press, a lost microphone, shutdown: back to idle from anywhere."""
        self._out = []
        self._abandon(now, reason)
        self._become_idle(now)
        return self._with_guard()

    def would_listen(self, press: ButtonPressed) -> bool:
        """Whether this press begins to listen, rather than ending what is under way.

        The edge of a press cuts before the press is told, so the cut it caused is known
        here, and happened no earlier than the press. A cut of an earlier press did.
        """
        has_cut = press.at <= self._cut_by_button_at
        return self.phase in (Phase.IDLE, Phase.FOLLOW_UP) and not has_cut

    # --- opening and closing the user's turn -----------------------------------

    def is_own_voice(self, event: WakeDetected, now: float) -> bool:
        """Whether it is the device that says the word: a reply, or a phrase of its own."""
        return self._own_words.hold(event.word, now)

    def _on_wake(self, event: WakeDetected, now: float) -> None:
        if self.is_own_voice(event, now):
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
        self._choose_persona(event.word)
        self._listen(now, "wake", from_frame)

    def _choose_persona(self, word: str) -> None:
        """Who is called by this word answers. A session of somebody else is closed."""
        action = self._actions.get(word, WAKE)
        persona = ChoosePersona(action.instructions, action.voice)
        if persona == self._persona:
            return
        self._persona = persona
        self._report("persona", word=word)
        self._out.append(persona)
        self._history.forget()
        # Also where none is open: one may be opening, for whom was called before.
        self._link_open = False
        self._rollover.closed()
        self._out.append(CloseLink("persona"))

    def _on_press(self, event: ButtonPressed, now: float) -> None:
        if self.would_listen(event):
            self._listen(now, "button", None, pressed_at=event.at)
        elif self.phase is not Phase.IDLE:
            self._abandon(now, StopReason.BUTTON)
            self._become_idle(now)

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
        self._turn_item = event.item_id
        self._history.turn_taken(event.item_id, now)
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
        if self._device_ends_turns:
            self._report("commit_ignored", item_id=event.item_id)
        else:
            self._taken = True
            self._end_turn(now, "committed", Tail.TAKEN_BACK)

    def _on_user_transcript(self, event: UserTranscript, now: float) -> None:
        self._report("user_transcript", text=event.text, final=event.final)
        if event.final:
            self._history.user(event.text, now, event.item_id)
        if event.item_id and self._turn_item and event.item_id != self._turn_item:
            return  # it is about an earlier turn
        if not event.final or self.phase is not Phase.THINKING or not self._taken:
            return
        begun = bool(self._playing) or self._replies.to_be_heard
        if self._understood.transcript(
            event.text,
            now,
            reply_has_begun=begun,
            addressed=self._addressed,
            speech_ms=self._speech_ms,
        ):
            self._report("not_understood", text=event.text)
            self._company.turn_over(Outcome.NOTHING, self._level_db)
            self._abandon(now, StopReason.ERROR)
            if not self._apologise(now):
                self._become_idle(now)

    def _on_service_trouble(self, event: ServiceTrouble, now: float) -> None:
        self._report("error", kind=event.kind.value, detail=event.detail, fatal=event.fatal)
        if self.phase is Phase.THINKING and event.kind is ErrorKind.QUOTA:
            self._fail(now, event.kind, event.detail)
