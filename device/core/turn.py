"""What a conversation holds, and the moves that every part of it shares.

:class:`TurnState` is the bottom of seven layers of one state machine, split by concern, each
built on the one before: shared state here; what the device itself says and how it waits in
``manners.py``; the service's reply in ``answering.py``; the link in ``linking.py``; the person's
turn in ``listening.py``; who speaks over a reply, or before it, in ``interrupting.py``; and what
holds them together in ``conversation.py``.
"""

from __future__ import annotations

from device.capabilities import Capabilities
from device.commands import (
    AbandonTurn,
    CancelReply,
    Command,
    Cue,
    CutPlayback,
    PlayCue,
    Report,
    RunVad,
    StopCue,
    StopUplink,
    WarmPlayback,
)
from device.core.around import SlowReply, StillThere
from device.core.company import Television
from device.core.deadlines import Deadlines
from device.core.endpointing import EndOfTurn
from device.core.failover import Failover
from device.core.history import History
from device.core.phases import Phase
from device.core.phrasebook import Phrase, Phrasebook
from device.core.replies import Replies
from device.core.selfwake import OwnWords
from device.core.tails import Tail, Tails
from device.core.tools import Toolbox
from device.core.turn_log import TurnLog
from device.core.understood import Understood
from device.events import ErrorKind, StopReason
from device.settings import Settings
from device.settings_services import Connecting, connecting


class TurnState:
    """State and shared moves. Handlers append to ``_out``; nothing here is called
    from outside the machine but ``apply`` and ``wants_reply``."""

    def __init__(self, settings: Settings, toolbox: Toolbox, able: Capabilities) -> None:
        """``able``: what the service can do that is configured first."""
        self._able = able
        services = (settings.service.provider, *settings.service.fallback)
        self._failover = Failover(services)
        self._connecting = {
            name: connecting(settings.service, getattr(settings, name, None)) for name in services
        }
        self._phrases = Phrasebook(settings.phrases, service_can=able.says_on_request)
        self._sign = SlowReply(settings.turn)
        self._sign_said = ""  # a phrase that is a sign, until it was heard
        self._dry = False  # the reply ran out of sound in its middle
        self._dry_until = 0.0  # no other sign of work before
        self._still_there = StillThere(settings.turn, ask=True, goodbye=True)
        self._company = Television(settings.turn)
        self._understood = Understood(service_says_so=able.answers_nonsense)
        self._end_of_turn = EndOfTurn(settings.turn)
        self._reply_text = ""  # what the reply said, as far as is known
        self._history = History()
        self._received_ms: dict[str, float] = {}  # of items of replies, the newest last
        self.apply(settings)
        self._service = settings.service
        self._capture_rate_hz = settings.audio.capture_rate_hz
        self._toolbox = toolbox
        self.phase = Phase.IDLE
        self.uplink_open = False
        self.deadlines = Deadlines()
        self._link_open = False
        self._serving = ""  # whose session it is, as far as is known
        self._why_no_link = Phrase.NO_SERVICE
        self._link_failed = False  # an attempt has, and was told, since it was asked for
        self._link_overdue = False
        self._opening_since: float | None = None  # the service shows that the session is made
        self._wait_told = False  # in words, since it is waited for
        self._link_late_at = float("inf")  # from then on a person is told that it is waited for
        self._own_words = OwnWords()
        self._replies = Replies()
        self._log: TurnLog | None = None
        self._speech_seen = False
        self._addressed = False  # the wake word or the button opened this turn
        self._speech_from: int | None = None  # the device's own detector hears speech since
        self._level_db: float | None = None  # dBFS, of who speaks in this turn
        self._quiet_from = 0  # capture frame of the last speech
        self._speech_ms = 0  # it heard of it in this turn, up to the last pause
        self._pause_lasts_from = 0.0  # from then on it is a pause; infinite: speech
        self._waiting_cue_owed = False  # it was due while somebody spoke
        self._pressed_at: float | None = None  # held back: the press may yet become a hold
        self._turn_from: int | None = None  # what it sent begins at this capture frame, if known
        self._opened_at = 0.0
        self._went_on = 0  # so often this turn was taken for over, and was not
        self._just_ended = False  # a turn was taken for over; of its answer no part was heard whole
        self._turn_item = ""  # the service's name for the turn that it took last
        self._taken = False  # the service has told that it took this turn
        self._link_was_lost = False  # in this turn
        self._undecided = False  # nothing more is sent, the service's verdict is awaited
        self._sent_late = False  # the service was sent old audio, all at once
        self._drain = 0  # the token of the last `DrainLine`
        self._drained = False  # it was answered
        self._verdict_by = 0.0  # no later
        self._not_taken = 0  # turns in a row that the service heard and did not take
        self._tails = Tails()
        self._playing: str = ""  # reply that is audible
        self._playing_since = 0.0
        self._cut_by_button_at = float("-inf")
        self._may_go_on_until = 0.0  # the answer that was taken for whole
        self._works_since: float | None = None  # the service says so, since its last sign
        self._ends_conversation = False
        self._broken = False  # the service failed while a reply was audible
        self._wall = 0.0
        self._out: list[Command] = []

    def apply(self, settings: Settings) -> None:
        """Take the live settings into force; the next deadline is set by them."""
        self._turn = settings.turn
        self._end_of_turn.apply(settings.turn)
        self._vad = settings.vad

    @property
    def _device_ends_turns(self) -> bool:
        return self._able.device_ends_turns(self._service.turn_detection)

    def wants_reply(self, reply_id: str) -> bool:
        return self._replies.is_current(reply_id)

    def _move(self, target: Phase) -> None:
        # When its answer begins to sound the turn is still the last that was said.
        self._just_ended &= (self.phase, target) == (Phase.THINKING, Phase.SPEAKING)
        self.phase = target
        self._dry = False
        self._undecided = False
        if target is not Phase.THINKING:
            self._stop_sign()

    def _stop_sign(self) -> None:
        """The reply comes, or nobody waits for it any more."""
        self.deadlines.drop("slow_reply")
        was_said, self._sign_said = bool(self._sign_said), ""
        given = self._sign.stop()
        if given:
            self._out.append(StopCue(Cue.WORKING))
        if given or was_said:
            self._phrases.withdraw()

    def _report(self, event: str, **fields: object) -> None:
        self._out.append(Report(event, fields))

    def _close_uplink(self, reason: str, tail: Tail) -> None:
        """``tail``: what becomes of the sound that comes before the ear has stopped."""
        if not self.uplink_open:
            return
        self.uplink_open = False
        self.deadlines.drop("no_speech", "too_long", "end_of_turn", "company")
        if self._pressed_at is not None:
            self._pressed_at = None  # the ear was not told to send yet
            return
        self._tails.expect(tail)
        self._out += [StopUplink(tail is Tail.DROPPED, tail is Tail.KEPT), RunVad(False)]
        self._report("uplink_stopped", reason=reason)

    @property
    def _untaken(self) -> bool:
        """There is a turn, and no service has told that it took it."""
        committed = self.phase is Phase.THINKING and not self._taken
        return self.phase is Phase.LISTENING or committed

    def _abandon(self, now: float, reason: StopReason) -> None:
        """Drop the turn or reply under way, telling playback and service."""
        untaken = self._untaken
        if untaken:
            self._close_uplink(reason.value, Tail.DROPPED)
        self._tails.disown()
        if self._playing or self._replies.awaited or self._replies.to_be_heard:
            # Raises the epoch: what still arrives of the old reply is discarded, and so is
            # what has arrived and does not sound yet.
            self._out.append(CutPlayback(reason))
        self._abandon_replies(and_turn=untaken)
        self._phrases.withdraw()
        self._out += self._toolbox.undo_untold()
        self.deadlines.drop("no_reply", "no_verdict", "no_phrase")

    def _abandon_replies(self, *, and_turn: bool = False) -> None:
        """Nobody wants them any more, those that have begun and those that will."""
        if and_turn or self._replies.promised:
            self._out.append(AbandonTurn())
        self._out += [CancelReply(reply_id) for reply_id in self._replies.abandon()]

    def _become_idle(self, now: float) -> None:
        self._move(Phase.IDLE)
        self._end_of_turn.new_conversation()
        self.deadlines.clear()
        self._out += [RunVad(False), WarmPlayback(False)]
        self._keep_link(now)

    @property
    def _connects(self) -> Connecting:
        """When a session is open with whom is used now."""
        return self._connecting[self._failover.current]

    def _keep_link(self, now: float) -> None:
        """For how long, while nobody needs it."""
        connects = self._connects
        if self._link_open and connects.connect != "always":
            kept_s = connects.idle_close_s if connects.connect == "keep" else 0.0
            self.deadlines.set("idle_close", now + kept_s)

    def _fail(self, now: float, kind: ErrorKind, detail: str) -> None:
        self._report("error", kind=kind.value, detail=detail)
        self._abandon(now, StopReason.ERROR)
        self._out.append(PlayCue(Cue.ERROR))
        self._become_idle(now)
