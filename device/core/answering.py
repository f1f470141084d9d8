"""The service's reply: from its first word to the moment it was heard or cut."""

from __future__ import annotations

from device.commands import (
    CancelReply,
    Cue,
    FinishReply,
    PlayCue,
    RunVad,
    SendToolResult,
    StopCue,
    TruncateReply,
)
from device.core.manners import Manners
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceWorking,
    StopReason,
    ToolCalled,
)

GOES_ON_S = 8.0
"""For so long after a pause that was taken for its end, and after it was heard, an answer may
go on."""
_MOST_ITEMS = 16


class Answering(Manners):
    """Handlers of everything that concerns replies and their playback."""

    def _wait_for_sign(self, now: float, within_s: float) -> None:
        """Of the reply that is awaited, or under way."""
        self._works_since = None
        self.deadlines.set("no_reply", now + within_s)

    def _on_service_working(self, _event: ServiceWorking, now: float) -> None:
        """A sign, though not of a reply: it counts as often as it comes, and not for ever."""
        awaited = next((n for n in ("no_reply", "no_verdict") if self.deadlines.is_set(n)), None)
        if awaited is None:
            return
        if self._works_since is None:
            self._works_since = now
            self._report("service_works")
        patience_s = self._service.reply_timeout_s
        last = self._works_since + max(patience_s, self._service.longest_work_s)
        self._verdict_by = min(now + patience_s, last)
        self.deadlines.set(awaited, self._verdict_by)
        self._fill_silence(now)

    def _fill_silence(self, now: float) -> None:
        """In the middle of a reply, which has run dry, while the service works on the rest."""
        again_s = self._turn.slow_again_s
        never = again_s == 0 or self._turn.slow_reply_s == 0
        if self.phase is not Phase.SPEAKING or not self._dry or never or now < self._dry_until:
            return
        self._dry_until = now + again_s
        self._out.append(PlayCue(Cue.WORKING))

    def _on_reply_started(self, event: ReplyStarted, now: float) -> None:
        self._go_on_with_answer(now)
        if not self._replies.started(event.reply_id):
            self._out.append(CancelReply(event.reply_id))
            return
        self._own_words.begins(event.reply_id)
        self._reply_text = ""
        self.deadlines.drop("no_phrase")
        self._wait_for_sign(now, self._service.reply_timeout_s)

    def _go_on_with_answer(self, now: float) -> None:
        """A service that does not say when it has said all went on after a pause."""
        listens = self.phase is Phase.LISTENING
        if listens or now >= self._may_go_on_until or not self._replies.may_go_on:
            return
        self._report("answer_goes_on")
        self._replies.expect_more()
        self.deadlines.drop("follow_up_over", "idle_close")
        if self.phase in (Phase.FOLLOW_UP, Phase.IDLE):
            self._move(Phase.THINKING)
            self._out.append(RunVad(False))

    def _on_reply_audio(self, event: ReplyAudioReceived, now: float) -> None:
        if not self._replies.is_current(event.reply_id):
            return
        self._own_words.of(event.reply_id).audio_received(event.audio_ms)
        self._received_ms[event.item_id] = event.audio_ms
        if len(self._received_ms) > _MOST_ITEMS:
            del self._received_ms[next(iter(self._received_ms))]
        if self._dry:
            self._dry = False
            self._out.append(StopCue(Cue.WORKING))
        if self._replies.awaited:
            self._wait_for_sign(now, self._service.reply_timeout_s)
        if self._replies.first_audio(event.reply_id):
            self._stop_sign()
            self._understood.understood()
            self._report("reply_audio_received", reply_id=event.reply_id)
            if self._log:
                self._log.mark("reply_audio", now)

    def _on_reply_transcript(self, event: ReplyTranscript, now: float) -> None:
        if not self._replies.is_current(event.reply_id):
            return
        self._own_words.of(event.reply_id).transcript(event.text, final=event.final)
        if not event.final:
            self._reply_text += event.text
            self._history.words(event.text, now, event.item_id)
        elif event.text:
            self._reply_text = event.text
        if event.final:
            if event.text:
                self._toolbox.last_reply = event.text
                self._history.assistant(event.text, now, event.item_id)
            self._report("reply_transcript", text=event.text)

    def _on_tool_called(self, event: ToolCalled, now: float) -> None:
        if not self._replies.is_current(event.reply_id):
            return
        remembered = self._toolbox.last_reply
        outcome = self._toolbox.call(event.name, event.arguments, now, self._wall)
        self._toolbox.last_reply = remembered
        self._report("tool_called", name=event.name, arguments=event.arguments)
        self._out += [*outcome.commands, SendToolResult(event.call_id, outcome.output)]
        self._ends_conversation |= outcome.ends_conversation
        self._replies.expect_after(event.reply_id)
        self._wait_for_sign(now, self._service.reply_timeout_s)

    def _on_reply_done(self, event: ReplyDone, now: float) -> None:
        if not self._replies.is_current(event.reply_id):
            return
        self._own_words.of(event.reply_id).reply_complete()
        had_audio = self._replies.done(event.reply_id)
        guessed = had_audio and event.status == "completed" and not self._able.tells_ends
        self._may_go_on_until = now + GOES_ON_S if guessed else 0.0
        if event.status == "failed" and not had_audio and not self._playing:
            self._fail(now, ErrorKind.SERVICE, event.detail)
            return
        if had_audio:
            self._out.append(FinishReply(event.reply_id))
        if event.status == "failed":
            self._report("error", kind=ErrorKind.SERVICE.value, detail=event.detail)
            self._broken = True
        elif event.status == "cancelled" and not had_audio and not self._replies.awaited:
            # Not by us: replies that we call off are no longer current. Without a word from
            # us the person would wait for an answer that does not come.
            words = "the service broke off its reply before it said anything"
            hint = "it may have taken a later sound for an interruption: ask again"
            self._report("error", kind=ErrorKind.SERVICE.value, detail=words, hint=hint)
            self._broken = True
        if not self._replies.awaited:
            self.deadlines.drop("no_reply")
        if not had_audio and not self._playing:
            self._after_reply(now)

    def _on_playback_started(self, event: PlaybackStarted, now: float) -> None:
        self._own_words.of(event.reply_id).sounds(event.at)
        if not self._replies.is_current(event.reply_id):
            return
        self._playing = event.reply_id
        self.deadlines.drop("no_phrase")
        self._toolbox.told()
        self._playing_since = event.at
        self.deadlines.drop("follow_up_over")
        if self.phase is not Phase.SPEAKING:
            self._move(Phase.SPEAKING)
        self._report("playback_started", reply_id=event.reply_id, at=event.at)
        if self._log and "playback_started" not in self._log.marks:
            self._log.mark("playback_started", event.at)
            service = {"service": self._serving} if self._serving else {}
            self._report("turn", **service, **self._log.latencies())

    def _on_playback_stopped(self, event: PlaybackStopped, now: float) -> None:
        # All that came of a reply was played, but that was not all of it.
        broke_off = event.reason is StopReason.DONE and self._broken
        self._report(
            "playback_stopped",
            reason=(StopReason.ERROR if broke_off else event.reason).value,
            heard_ms=event.heard_ms,
            item_id=event.item_id,
            at=event.at,
        )
        self._own_words.of(event.reply_id).falls_silent(now)
        self._sign_over(event.reply_id)
        if event.reply_id == self._playing:
            self._playing = ""
        if event.reason is StopReason.DONE:
            if self._phrases.is_phrase(event.reply_id) and not self._replies.is_current(
                event.reply_id
            ):
                return  # a sign that the reply comes
            self._replies.heard(event.reply_id)
            if self._may_go_on_until and self._replies.may_go_on:
                self._may_go_on_until = now + GOES_ON_S  # it may have come long before
            if self.phase in (Phase.SPEAKING, Phase.THINKING):
                self._after_reply(now)
            return
        if event.reason is StopReason.BUTTON:
            self._cut_by_button_at = event.at
        # A speaker that went away ends the exchange it was speaking in, as a cut does; but
        # what it still told of an earlier one must not end the turn that came after.
        ends = event.reason is not StopReason.ERROR or self._replies.is_current(event.reply_id)
        if ends:
            self._abandon_replies()
        if event.item_id:
            self._out.append(TruncateReply(event.item_id, event.heard_ms))
            received_ms = self._received_ms.get(event.item_id, 0.0)
            if received_ms > 0:
                self._history.heard(min(1.0, event.heard_ms / received_ms), event.item_id)
        if ends and self.phase in (Phase.SPEAKING, Phase.THINKING):
            self._become_idle(now)

    def _after_reply(self, now: float) -> None:
        """A reply has ended, heard or empty: what comes next?"""
        if self._broken:
            self._broken = False
            self._abandon(now, StopReason.ERROR)
            self._out.append(PlayCue(Cue.ERROR))
            self._become_idle(now)
            return
        if self._replies.awaited or self._replies.unheard:
            if self.phase is Phase.SPEAKING:
                self._move(Phase.THINKING)
                self._await_reply(now, again=True)
            return
        self._toolbox.told()  # or the service had nothing to say of it: it stands
        self._follow_up(now)
