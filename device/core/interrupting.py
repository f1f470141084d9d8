"""Somebody speaks over a reply: ducked at once, cut when it is meant.

Whether it is meant says :mod:`device.core.bargein`; here it meets the state machine.
"""

from __future__ import annotations

from device.commands import Command, Cue, DuckPlayback, GuardReply, PlayCue
from device.core.bargein import Act, BargeIn, Verdict
from device.core.company import Outcome
from device.core.listening import Listening
from device.core.phases import Phase
from device.core.tools import Toolbox
from device.events import NearEndHeard, StopReason
from device.settings import Settings


class Interrupting(Listening):
    """Handlers of what is heard while a reply sounds."""

    def __init__(
        self, settings: Settings, toolbox: Toolbox, *, says_on_request: bool = False
    ) -> None:
        rate_hz = settings.audio.capture_rate_hz
        self._barge_in = BargeIn(settings.turn.barge_in, rate_hz)
        self._guarding = False
        self._heard: NearEndHeard | None = None  # the last that was told
        super().__init__(settings, toolbox, says_on_request=says_on_request)

    def apply(self, settings: Settings) -> None:
        super().apply(settings)
        self._barge_in.tune(settings.turn.barge_in)

    def _on_near_end(self, event: NearEndHeard, now: float) -> None:
        if self._guarding:  # else it was on its way when the reply ended
            self._heard = event
            self._carry_out(self._barge_in.hear(event, now), now)

    def _due_barge_in(self, now: float) -> None:
        self._carry_out(self._barge_in.tick(now), now)

    def _carry_out(self, verdict: Verdict, now: float) -> None:
        match verdict.act:
            case Act.DUCK:
                self._report("ducked", **self._evidence)
                self._out.append(DuckPlayback(True))
            case Act.RESTORE:
                self._report("restored", **self._evidence)
                self._out.append(DuckPlayback(False))
            case Act.CUT:
                self._interrupt(verdict.from_frame, now)
            case Act.NOTHING:
                pass
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

    def _interrupt(self, from_frame: int | None, now: float) -> None:
        self._report("barge_in", **self._evidence)
        self._abandon(now, StopReason.BARGE_IN)
        self._company.turn_over(Outcome.ANSWERED, self._level_db)
        if self._company.may_listen:
            self._listen(now, "barge_in", from_frame)
        else:  # a television may stop a reply, but is not listened to for ever
            self._out.append(PlayCue(Cue.GAVE_UP))
            self._become_idle(now)

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

    def _with_guard(self) -> list[Command]:
        """What has been commanded, and the guard as the phase wants it."""
        # Between two parts of a reply (a tool is asked) who began over the first may go on.
        between = self.phase is Phase.THINKING and self._replies.any_heard
        sounds = self.phase is Phase.SPEAKING or between
        wanted = sounds and self._turn.barge_in != "off"
        if wanted != self._guarding:
            self._guarding = wanted
            self._out.append(GuardReply(wanted))
            if not wanted:  # also what was ducked when the reply ended by itself
                self._out.append(DuckPlayback(False))
            self._barge_in.reply_began()
            self._barge_in.person_spoke(self._level_db)
            self._heard = None
            self._set_due()
        return self._out
