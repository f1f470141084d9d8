"""The link during a turn: waiting for it, losing it, giving it up.

What the person says is kept while the link is not open (by the link, which also
keeps what a lost session was given of the turn), so waiting costs no word; only
how long, and what is told meanwhile, is decided here.
"""

from __future__ import annotations

from device.commands import (
    AbandonTurn,
    CloseLink,
    Command,
    Cue,
    DrainLine,
    FinishReply,
    OpenLink,
    PlayCue,
)
from device.core.company import Outcome
from device.core.phases import Phase
from device.core.phrasebook import Phrase
from device.core.session_life import SessionLife
from device.core.tails import Tail
from device.events import (
    Cause,
    ErrorKind,
    LineDrained,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    SessionOpening,
    StopReason,
)

#: These will not go away by waiting: the person is told at once.
HOPELESS = frozenset({ErrorKind.KEY, ErrorKind.QUOTA, ErrorKind.CERTIFICATE, ErrorKind.PROTOCOL})
#: What a service that has heard everything may still take to say that it took the turn.
VERDICT_GRACE_S = 1.0
#: Where another service could take over: who has shown no sign of a session by then is taken for
#: out of reach.
NO_SIGN_S = 2.5
#: Nobody is left in silence: the waiting cue is repeated this long after the last one.
WAITING_AGAIN_S = 4.0


def spoken(kind: ErrorKind, cause: Cause) -> Phrase:
    """What is said when there is no connection."""
    by_cause = {
        Cause.NO_NETWORK: Phrase.NO_NETWORK,
        Cause.LOG_IN: Phrase.LOG_IN,
        Cause.CLOCK: Phrase.CLOCK,
    }
    by_kind = {ErrorKind.KEY: Phrase.NO_KEY, ErrorKind.QUOTA: Phrase.NO_QUOTA}
    return by_cause.get(cause) or by_kind.get(kind, Phrase.NO_SERVICE)


class Linking(SessionLife):
    """Handlers of everything that concerns the link."""

    @property
    def link_overdue(self) -> bool:
        """We gave up waiting for the link, and no attempt has told why. Until it opens."""
        return self._link_overdue

    def waits_for_link(self, now: float) -> bool:
        """A turn waits for the link, and longer than goes without a word."""
        return self._untaken and not self._link_open and now >= self._link_late_at

    def doubt_line(self) -> list[Command]:
        """A reply stopped in its middle for want of sound: does the other side still live?"""
        self._dry = self.phase is Phase.SPEAKING
        return [OpenLink()] if self._link_open else []

    def _want_link(self, now: float) -> None:
        """A turn begins. A link that is open may be dead without having noticed: asked to
        open, it makes sure."""
        self._out.append(OpenLink())
        if not self._link_open:
            self._wait_for_link(now)
        elif self._log:
            self._log.mark("link_opened", now)

    def _wait_for_link(self, now: float) -> None:
        self._link_failed = self._wait_told = False
        self._why_no_link = Phrase.NO_SERVICE
        self._stop_sign()
        self.deadlines.drop("no_verdict")
        self._link_late_at = now + self._turn.waiting_cue_s
        self.deadlines.set("waiting_cue", self._link_late_at)
        self.deadlines.set("no_link", now + self._turn.link_wait_s)
        self._expect_link(now)

    def _expect_link(self, now: float) -> None:
        """Where another service could take over, this one is not waited for long."""
        self._opening_since = None
        if self._failover.has_others:
            self.deadlines.set("slow_link", now + NO_SIGN_S)

    def _on_session_opening(self, event: SessionOpening, now: float) -> None:
        """No outage: it takes its time, and promises to be there soon. Others are not asked, and
        the words are kept, but not for ever."""
        waits_until = self.deadlines.at("no_link")
        if self._link_open or waits_until is None:
            return
        if self._opening_since is None:
            self._opening_since = now
            self._report("session_opening", within_s=event.within_s)
        longest_s, patience_s = self._service.longest_work_s, self._turn.link_wait_s
        until = min(now + patience_s, self._opening_since + longest_s)
        if self.deadlines.is_set("slow_link"):
            slow_at = min(now + event.within_s, self._opening_since + longest_s / 2)
            self.deadlines.set("slow_link", slow_at)
            until = slow_at + patience_s  # who takes over needs time, too
        self.deadlines.set("no_link", max(waits_until, until))

    def _due_slow_link(self, now: float) -> None:
        if self._fail_over(ErrorKind.NETWORK, "it takes too long to open", now, reopen=True):
            self._expect_link(now)

    def _on_link_opened(self, event: LinkOpened, now: float) -> None:
        self._link_open = True
        self._link_overdue = self._link_failed = False
        self._waiting_cue_owed = False
        self.deadlines.drop("waiting_cue", "no_link", "slow_link")
        self._serves(event, now)
        # Not every service names its sessions; the protocol's own types have no name for them.
        name = {"session_id": event.session_id} if event.session_id else {}
        self._report("link_opened", **name, **({"service": event.service} if event.service else {}))
        if (self.phase is Phase.LISTENING or self._undecided) and self._log:
            self._log.mark("link_opened", now)
        if self._undecided:
            self._sent_late = True
            self._ask_for_verdict(now)
        elif self.phase is Phase.LISTENING:
            if self._speech_seen:  # the service hears it only now
                self._sent_late = True
                self.deadlines.set("too_long", now + self._turn.longest_s)
        elif self.phase is Phase.THINKING and self._replies.awaited:
            self._await_reply(now)
            self._wait_for_sign(now, self._service.reply_timeout_s)
        elif self.phase is Phase.IDLE:
            self._keep_link(now)

    def _on_link_closed(self, event: LinkClosed, now: float) -> None:
        self._link_open = False
        self._rollover.closed()
        self.deadlines.drop("idle_close")
        if event.kind is None:
            self._report("link_closed", reason=event.reason)
            if self._untaken:  # we closed it before this turn began
                self._want_link(now)
            return
        self._report("link_closed", reason=event.reason, kind=event.kind.value)
        if self.deadlines.is_set("no_phrase"):  # the service was to say something: it is no loss
            self._give_up_phrase(now)
            return
        if self._untaken:
            over = event.kind in HOPELESS or self._link_was_lost  # for this service
            if over and self._fail_over(event.kind, event.reason, now, reopen=True):
                self._link_was_lost = True
                self._wait_for_link(now)
                return
            if not over:
                self._say_it_again(now)
                return
        self._out.append(AbandonTurn())  # what the lost session was given is not said again
        if event.kind not in HOPELESS and self.wants_link:
            self._out.append(OpenLink())  # so that the light tells the truth
        if self.phase in (Phase.SPEAKING, Phase.THINKING) and self._replies.to_be_heard:
            # What has arrived is still worth hearing; then say that it broke off.
            if self._replies.awaited:
                self._broken = True
                self._report("error", kind=event.kind.value, detail=event.reason)
            self._out += [FinishReply(reply_id) for reply_id in self._replies.to_be_finished]
            self._replies.forget_awaited()
            self.deadlines.drop("no_reply")
        elif self.phase in (Phase.LISTENING, Phase.THINKING):
            self._lose_turn(event.kind, event.reason, now)
        elif self.phase is Phase.FOLLOW_UP:
            self._become_idle(now)

    def _lose_turn(self, kind: ErrorKind, detail: str, now: float) -> None:
        """The session took it along, or a part of it: only the person knows what it was."""
        if kind in HOPELESS or not self._phrases.text(Phrase.SAY_AGAIN):
            self._fail(now, kind, detail)
            return
        self._report("error", kind=kind.value, detail=detail)
        self._abandon(now, StopReason.ERROR)
        if not self._say(Phrase.SAY_AGAIN, now):
            self._out.append(PlayCue(Cue.ERROR))
            self._become_idle(now)

    def _say_it_again(self, now: float) -> None:
        """The session was lost before it took the turn: the next one hears the turn from
        its start. Once a turn, or a service that dies of it would be killed for ever."""
        self._link_was_lost = True
        self._out.append(OpenLink())
        self._wait_for_link(now)
        self.deadlines.drop("no_reply")
        if self._speech_seen:  # somebody spoke: now it is the link that is waited for
            self.deadlines.drop("too_long")

    def _on_link_failed(self, event: LinkFailed, now: float) -> None:
        self._link_failed = True
        self._why_no_link = spoken(event.kind, event.cause)
        self._report("error", kind=event.kind.value, detail=event.detail, attempt=event.attempt)
        if self._fail_over(event.kind, event.detail, now, reopen=None):
            if self._untaken:
                self._expect_link(now)
            return
        if self._untaken and event.kind in HOPELESS:
            self._no_service(now, reopen=False)

    def _due_no_link(self, now: float) -> None:
        """A network that swallows everything lets no attempt fail before we give up. What an
        attempt has told is not told again, but for what becomes of the words."""
        waited_s = now - self._link_late_at + self._turn.waiting_cue_s
        words = f"no connection within {waited_s:.0f} s"
        if not self._link_failed:
            self._link_overdue = True
            self._report("error", kind=ErrorKind.NETWORK.value, detail=words)
        self._report("turn_forgotten", detail=words)
        self._no_service(now)

    def _no_service(self, now: float, reopen: bool = True) -> None:
        """The words kept for the service go nowhere: forget them and listen for the wake
        word again. ``reopen``: keep trying to connect, so that the light tells the truth."""
        self._close_uplink("no_link", Tail.DROPPED)
        self._tails.disown()
        self._replies.forget_awaited()
        self._out.append(CloseLink("gave_up"))
        if reopen:
            self._out.append(OpenLink())
        self._report("no_connection", why=self._why_no_link.value)
        if self._say(self._why_no_link, now):
            self._ends_conversation = True
            return
        self._out.append(PlayCue(Cue.ERROR))
        self._become_idle(now)

    # --- the service's verdict, when it is late ----------------------------------------

    def _await_verdict(self, now: float) -> None:
        """What was said is long over, and the service has not taken it. Nothing more of the
        room is sent or kept. Whether the service has nothing to say or its words are on their
        way, behind a long reply on a slow line, no time-out can tell: the line is asked."""
        self._close_uplink("long_pause", Tail.KEPT)
        self._move(Phase.THINKING)
        self._undecided = True
        if self._link_open:
            self._ask_for_verdict(now)
        # Else the turn waits for the link, and "no_link" says how long.

    def _ask_for_verdict(self, now: float) -> None:
        self._drain += 1
        self._drained = False
        self._out.append(DrainLine(self._drain))
        self._works_since = None
        self._verdict_by = now + self._service.reply_timeout_s
        self.deadlines.set("no_verdict", self._verdict_by)
        self.deadlines.set("waiting_cue", now + self._turn.waiting_cue_s)

    def _on_line_drained(self, event: LineDrained, now: float) -> None:
        if self._undecided and event.token == self._drain:
            self._drained = True
            self._grant_a_moment(now)

    def _grant_a_moment(self, now: float) -> None:
        """The service has heard all: the time that it may take for its verdict."""
        if self._undecided and self._drained:
            grace_s = self._turn.no_speech_s if self._sent_late else VERDICT_GRACE_S
            if not self._able.tells_turns:  # the first it says of the turn is its answer
                grace_s = self._service.reply_timeout_s
            self.deadlines.set("no_verdict", min(now + grace_s, self._verdict_by))

    def _due_no_verdict(self, now: float) -> None:
        """The device heard speech, the service took no turn: that is not silence, and is told.
        Once, it was a cough or a chair; again, and something is wrong."""
        if self._drained:
            kind = ErrorKind.SERVICE
            words = "the service took no turn from speech that the device heard"
            hint = "say it again, louder or nearer; if it stays so, lower service.vad_threshold"
            self._not_taken += 1
        else:
            kind = ErrorKind.NETWORK
            waited_s = self._service.reply_timeout_s
            words = f"what the service says of the turn did not come through within {waited_s:g} s"
            hint = "the line is too slow or broken: check the network, then say it again"
        says_so = self._drained and self._understood.not_taken(
            now, addressed=self._addressed, speech_ms=self._speech_ms
        )
        if self._drained and self._not_taken == 1:
            self._report("not_taken", detail=words, hint=hint)
        else:
            self._report("error", kind=kind.value, detail=words, hint=hint)
        self._company.turn_over(Outcome.NOTHING, self._level_db)
        self._give_up(now, "no_verdict", sorry=says_so)

    def _give_up(self, now: float, reason: str, *, sorry: bool = False) -> None:
        """Listening ends without a turn. ``sorry``: say that nothing was understood."""
        self._close_uplink(reason, Tail.DROPPED)
        self._tails.disown()
        self._out.append(AbandonTurn())
        if sorry and self._apologise(now):
            return
        self._out.append(PlayCue(Cue.GAVE_UP))
        self._become_idle(now)

    def _due_waiting_cue(self, now: float) -> None:
        """Not before a pause has lasted: while the cue sounds, nothing is sent."""
        if now >= self._pause_lasts_from:
            self._waiting_cue_owed = False
            if not self._tell_wait():
                self._out.append(PlayCue(Cue.WAITING))
            self.deadlines.set("waiting_cue", now + WAITING_AGAIN_S)
        elif self._pause_lasts_from == float("inf"):
            self._waiting_cue_owed = True
        else:
            self.deadlines.set("waiting_cue", self._pause_lasts_from)

    def _tell_wait(self) -> bool:
        """In words, once, that a service which is slow to open is at it. Not while the person may
        go on speaking: the phrase would be part of the turn."""
        if self._opening_since is None or self._wait_told or self.phase is not Phase.THINKING:
            return False
        self._wait_told = self._say_sign(Phrase.MOMENT)
        return self._wait_told

    def _close_idle_link(self) -> None:
        self._link_open = False  # a wake that is on its way must open it anew
        self._rollover.closed()
        self._history.forget()
        self._out.append(CloseLink("idle"))
