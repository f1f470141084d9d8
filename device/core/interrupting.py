"""Somebody speaks while a reply sounds, or before it does.

Over a reply: it is ducked at once, and cut when that is meant. Before it: they were cut off in
mid-sentence and go on, so the reply is called off and never sounds. Whether it is meant says
:mod:`device.core.bargein`, how a turn goes on :mod:`device.core.going_on`; here both meet the
state machine.
"""

from __future__ import annotations

from device.capabilities import Capabilities
from device.commands import Command, Cue, DuckPlayback, GuardReply, PlayCue
from device.core import going_on
from device.core.bargein import PREROLL_MS, Act, BargeIn, Verdict
from device.core.company import Outcome
from device.core.going_on import Again
from device.core.linking import HOPELESS
from device.core.listening import Listening
from device.core.manners import SIGN_WAITS_S
from device.core.phases import Phase
from device.core.tools import Toolbox
from device.events import ErrorKind, NearEndHeard, ReplyInterrupted, ReplyStarted, StopReason
from device.settings import Settings


class Interrupting(Listening):
    """Handlers of what is heard while a reply sounds or is awaited."""

    def __init__(self, settings: Settings, toolbox: Toolbox, able: Capabilities) -> None:
        rate_hz = settings.audio.capture_rate_hz
        self._barge_in = BargeIn(settings.turn.barge_in, rate_hz)
        self._guarding = self._lowered = False
        self._began_before = False  # what it is ducked for, before the reply sounded
        self._heard: NearEndHeard | None = None  # the last that was told
        # From which frame and when, as soon as the reply can be called off.
        self._owed: tuple[int, float] | None = None
        super().__init__(settings, toolbox, able)

    def apply(self, settings: Settings) -> None:
        super().apply(settings)
        self._barge_in.tune(settings.turn.barge_in)

    def _on_near_end(self, event: NearEndHeard, now: float) -> None:
        if self._guarding:  # else it was on its way when the reply ended
            self._heard = event
            awaited = self._costs_only_a_wait(event)
            self._carry_out(self._barge_in.hear(event, now, awaited=awaited), now)

    def _due_barge_in(self, now: float) -> None:
        self._carry_out(self._barge_in.tick(now), now)

    def _carry_out(self, verdict: Verdict, now: float) -> None:
        """What is lowered and comes up again, ``_with_guard`` tells: not before it sounds."""
        if verdict.act is Act.CUT:
            assert verdict.from_frame is not None
            began_at = self._began_at(verdict.from_frame, now)
            if self._is_same_turn(began_at):
                self._go_on(verdict.from_frame, began_at, now)
            else:
                self._interrupt(verdict.from_frame, now)
        self._set_due()

    @property
    def _evidence(self) -> dict[str, object]:
        """Why, in numbers; they make a log line that helps where it decides wrongly."""
        heard = self._heard
        if heard is None:
            return {}
        return {
            "at_frame": heard.since_frame,
            "lasted_ms": heard.lasted_ms,
            "speech_ms": heard.speech_ms,
            "voiced_ms": heard.voiced_ms,
            "above_echo_db": heard.above_echo_db,
            "certain": heard.certain,
            "level_db": heard.level_db,
            "person_db": self._level_db,
        }

    def _interrupt(self, from_frame: int, now: float) -> None:
        self._report("barge_in", **self._evidence)
        self._abandon(now, StopReason.BARGE_IN)
        self._company.turn_over(Outcome.ANSWERED, self._level_db)
        if self._company.may_listen:
            self._listen(now, "barge_in", from_frame)
        else:  # a television may stop a reply, but is not listened to for ever
            self._out.append(PlayCue(Cue.GAVE_UP))
            self._become_idle(now)

    def _on_reply_interrupted(self, event: ReplyInterrupted, now: float) -> None:
        """The service heard somebody over its reply before we did, and says no more of it."""
        if not self._replies.is_current(event.reply_id):
            return
        self._report("barge_in", source="service")
        self._abandon(now, StopReason.BARGE_IN)
        self._listen(now, "barge_in", None)

    def _fail(self, now: float, kind: ErrorKind, detail: str) -> None:
        """Where another service can take over, it hears the turn from its start, if the ear
        still has all of it and nothing of an answer was heard."""
        began = self._turn_from if self._can_be_said_again(now) else None
        if not self._failover.has_others:
            super()._fail(now, kind, detail)
            return
        if began is None:
            super()._fail(now, kind, detail)
            self._fail_over(kind, detail, now, reopen=False)
            return
        self._report("error", kind=kind.value, detail=detail)
        self._abandon(now, StopReason.ERROR)
        if self._fail_over(kind, detail, now, reopen=True):
            self._listen_on(now, began, whole=True)
        else:
            self._out.append(PlayCue(Cue.ERROR))
            self._become_idle(now)

    def _lose_turn(self, kind: ErrorKind, detail: str, now: float) -> None:
        """The next session hears the turn from its start, once, as another service would."""
        began = self._turn_from if self._can_be_said_again(now) else None
        again = began is not None and kind not in HOPELESS and not self._link_was_lost
        if self._failover.has_others:
            self._fail(now, kind, detail)
        elif began is not None and again:
            self._report("turn_said_again")
            self._abandon(now, StopReason.ERROR)
            self._link_was_lost = True
            self._listen_on(now, began, whole=True)
        else:
            super()._lose_turn(kind, detail, now)

    def _can_be_said_again(self, now: float) -> bool:
        """The ear still has the whole turn, and nothing of an answer was heard."""
        whole = self._turn_from is not None and now - self._opened_at <= going_on.KEPT_S
        unheard = self.phase is Phase.THINKING and not (self._sounds or self._undecided)
        return whole and unheard

    # --- the turn was not over -------------------------------------------------------------

    def _began_at(self, from_frame: int, now: float) -> float:
        """When the first sound was made for which a turn would begin at ``from_frame``."""
        assert self._heard is not None
        ago_ms = self._heard.lasted_ms - PREROLL_MS
        return now - ago_ms / 1000 - (self._heard.since_frame - from_frame) / self._capture_rate_hz

    def _is_same_turn(self, began_at: float) -> bool:
        """Whether who speaks since then goes on with the turn that was taken for over, rather
        than answering what is heard."""
        if not self._may_go_on:
            return False
        if self.phase is Phase.THINKING:
            return True
        unheard = began_at <= self._playing_since + going_on.REACTION_S
        return unheard and not self._replies.any_heard

    @property
    def _may_go_on(self) -> bool:
        again = self._went_on < going_on.MOST_TIMES
        return self._just_ended and again and going_on.is_heard(self._device_ends_turns, self._able)

    def _costs_only_a_wait(self, heard: NearEndHeard) -> bool:
        """Whether to take ``heard`` for the rest of the turn, and be wrong, delays the answer and
        does nothing else: none of it is heard yet, and the turn is answered all the same. A
        service that ends the turns may find none in an "mhm", after its answer was called off."""
        began = self._turn_from
        silent = self.phase is Phase.THINKING and not (self._sounds or self._sign_said)
        if not silent or not self._may_go_on or began is None:
            return False
        ago_s = heard.lasted_ms / 1000 + (heard.since_frame - began) / self._capture_rate_hz
        how = going_on.again(
            self._device_ends_turns, self._able, began_ago_s=ago_s, answer_has_begun=False
        )
        return self._device_ends_turns and how is not Again.ANEW

    def _go_on(self, from_frame: int, began_at: float, now: float) -> None:
        began = self._turn_from
        how = going_on.again(
            self._device_ends_turns,
            self._able,
            began_ago_s=now - began_at + (from_frame - began) / self._capture_rate_hz
            if began is not None
            else None,
            answer_has_begun=self.phase is Phase.SPEAKING
            or (self._taken and not self._replies.promised),
        )
        if how is Again.LATER:
            self._owed = from_frame, began_at
            return
        if how is Again.ANEW:
            self._interrupt(from_frame, now)
            return
        whole = how is Again.WHOLE
        self._report("turn_goes_on", whole=whole, **self._evidence)
        self._end_of_turn.speech_started(began_at)
        self._abandon(now, StopReason.BARGE_IN)
        if began is not None:  # nothing is sent of before the turn
            from_frame = began if whole else max(began, from_frame)
        self._listen_on(now, from_frame, whole=whole)

    def _on_reply_started(self, event: ReplyStarted, now: float) -> None:
        super()._on_reply_started(event, now)
        owed = self._owed
        if owed is not None and self._replies.is_current(event.reply_id):
            self._owed = None
            self._go_on(*owed, now)

    # --- around a reply ----------------------------------------------------------------------

    def _due_slow_reply(self, now: float) -> None:
        """Not into what somebody says."""
        if self._barge_in.ducked:
            self.deadlines.set("slow_reply", now + SIGN_WAITS_S)
        else:
            super()._due_slow_reply(now)

    def _follow_up(self, now: float) -> None:
        """Who spoke over the end of the reply, and still does, need not begin anew."""
        pending = self._barge_in.reply_ended()
        super()._follow_up(now)
        if pending is not None and self.phase is Phase.FOLLOW_UP:
            self._listen(now, "barge_in", pending)

    def _set_due(self) -> None:
        due = self._barge_in.due
        if due is None:
            self.deadlines.drop("barge_in")
        else:
            self.deadlines.set("barge_in", due)

    @property
    def _sounds(self) -> bool:
        """A reply does. Between two parts of it (a tool is asked) as well: who began over the
        first may go on."""
        between = self.phase is Phase.THINKING and self._replies.any_heard
        return self.phase is Phase.SPEAKING or between

    @property
    def _may_be_spoken_to(self) -> bool:
        """Somebody may go on with a turn, or speak before a phrase of ours does. Not where the
        turn is over and the service has yet to say whether it was one."""
        if self.phase is not Phase.THINKING or self._undecided:
            return False
        return not self._just_ended or self._may_go_on

    def _lowers(self) -> bool:
        """Whether the reply is to be low now. What began before it sounded must be a voice: a
        chair, or an echo of the device's own cue, is no reason to swallow the first word."""
        ducked = self._barge_in.ducked
        self._began_before = ducked and (self._began_before or not self._sounds)
        voice = self._heard is not None and self._heard.speech_ms > 0
        return ducked and self._sounds and (voice or not self._began_before)

    def _with_guard(self) -> list[Command]:
        """What has been commanded, and the guard as the phase wants it."""
        wanted = (self._sounds or self._may_be_spoken_to) and self._turn.barge_in != "off"
        if wanted != self._guarding:
            self._guarding = wanted
            self._out.append(GuardReply(wanted))
            if not wanted:  # also what was ducked when the reply ended by itself
                self._out.append(DuckPlayback(False))
                self._lowered = False
            self._barge_in.reply_began()
            self._barge_in.person_spoke(self._level_db)
            self._heard = self._owed = None
            self._set_due()
        lowered = self._lowers()
        if lowered != self._lowered:
            self._lowered = lowered
            self._report("ducked" if lowered else "restored", **self._evidence)
            self._out.append(DuckPlayback(lowered))
        return self._out
