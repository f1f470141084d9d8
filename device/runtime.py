"""One mailbox, one loop: events in, the core's commands performed.

Also the place where the two planes part: samples (``UplinkAudio``, ``ReplyAudio``)
go straight between ear, link and playback; the core sees only verdicts on them.
Loop thread only, but for ``Mailbox.post``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ChoosePersona,
    ChooseService,
    ClearInput,
    CloseCapture,
    CloseLink,
    Command,
    CommitTurn,
    CutPlayback,
    DrainLine,
    DuckPlayback,
    FinishReply,
    GuardReply,
    JudgeTurn,
    MaskOwnSound,
    OpenCapture,
    OpenLink,
    PlayCue,
    PrepareSuccessor,
    Report,
    RequestReply,
    RunVad,
    SendToolResult,
    SetVolume,
    ShowLight,
    ShowStatus,
    SpeakPhrase,
    StartUplink,
    StopCue,
    StopUplink,
    SwitchLink,
    TakeOver,
    TruncateReply,
    WarmPlayback,
)
from device.core.appliance import Appliance
from device.events import (
    Event,
    LinkOpened,
    PhraseAudio,
    ReplyAudio,
    ReplyAudioReceived,
    ReplyStarted,
    ServiceSpeechStarted,
    ServiceSpeechStopped,
    SessionLeft,
    SessionResumable,
    Tick,
    TurnCommitted,
    UplinkAudio,
    UplinkStopped,
)
from device.mailbox import Mailbox
from device.ports import Clock, Ear, Link, Panel, PhraseSpeaker, Playback, Sessions, Timeline

log = logging.getLogger(__name__)

#: What the service says of the user's turn.
_VERDICTS = (ServiceSpeechStarted, ServiceSpeechStopped, TurnCommitted)
#: Replies whose epoch is remembered; far more than can be under way at once.
MOST_REPLIES = 64


class Runtime:
    """Feeds the appliance's core and performs what it commands."""

    def __init__(
        self,
        core: Appliance,
        *,
        mailbox: Mailbox,
        clock: Clock,
        ear: Ear,
        playback: Playback,
        panel: Panel,
        link: Link,
        phrases: PhraseSpeaker,
        timeline: Timeline,
        downlink_rate_hz: int,
        sessions: Sessions,
        show_status: Callable[[str], None],
        tell_ready: Callable[[tuple[str, ...]], None],
        watch: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        """``tell_ready`` is called once, with the degraded states by name, as soon as the core
        has handled what every part had to tell of its start. ``watch`` sees every event first."""
        self._core = core
        self._tell_ready: Callable[[tuple[str, ...]], None] | None = tell_ready
        self._mailbox = mailbox
        self._clock = clock
        self._ear = ear
        self._playback = playback
        self._link = link
        self._sessions, self._watch = sessions, watch
        self._timeline = timeline
        self._bytes_per_ms = downlink_rate_hz * 2 / 1000
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._epochs: dict[str, int] = {}
        # Stops that the ear has not answered yet: is the audio before the answer dropped?
        self._stops: deque[bool] = deque()
        self._undecided = False  # the service's verdict on what was sent still counts
        self._item_ms: dict[str, float] = {}
        self._performers: dict[type, Callable[[Any], None]] = {
            StartUplink: self._start_uplink,
            StopUplink: self._stop_uplink,
            RunVad: lambda c: ear.run_vad(c.on),
            GuardReply: lambda c: ear.guard(c.on),
            JudgeTurn: lambda _c: ear.judge_turn(),
            MaskOwnSound: lambda c: ear.mask(c.on),
            CloseCapture: lambda _c: ear.close_capture(),
            OpenCapture: lambda _c: ear.open_capture(),
            WarmPlayback: lambda c: playback.warm(c.on),
            FinishReply: self._finish_reply,
            CutPlayback: self._cut,
            PlayCue: lambda c: playback.cue(c.cue),
            StopCue: lambda c: playback.stop_cue(c.cue),
            DuckPlayback: lambda c: playback.duck(c.on),
            SpeakPhrase: lambda c: phrases.say(c.phrase_id, c.text),
            SetVolume: lambda c: playback.set_volume(c.percent),
            ShowLight: lambda c: panel.show(c.light),
            ShowStatus: lambda c: show_status(c.text),
            ChoosePersona: sessions.choose,
            ChooseService: sessions.choose_service,
            SwitchLink: lambda _c: link.switch(),
            PrepareSuccessor: lambda _c: link.prepare_successor(),
            TakeOver: lambda _c: link.take_over(),
            OpenLink: lambda _c: link.open(),
            CloseLink: lambda c: link.close(c.reason),
            DrainLine: lambda c: link.drain(c.token),
            Report: self._report,
            **dict.fromkeys(
                (
                    AppendAudio,
                    CommitTurn,
                    ClearInput,
                    AbandonTurn,
                    CancelReply,
                    TruncateReply,
                    SendToolResult,
                    RequestReply,
                ),
                link.send,
            ),
        }

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to take events; the core's opening commands are performed first."""
        self._loop = loop
        self.perform(self._core.begin(self._clock.monotonic()))
        self._tell_ready_once()
        self._mailbox.bind(loop, self.handle)
        self._arm()

    def stop(self) -> None:
        self._mailbox.unbind()
        if self._timer is not None:
            self._timer.cancel()

    def handle(self, event: Event) -> None:
        """One event, start to end. An error in it is logged and ends only this event."""
        self._tell_watcher(event)
        try:
            if isinstance(event, UplinkAudio):
                if not (self._stops and self._stops[0]):
                    self._link.send(AppendAudio(event.pcm))
            elif isinstance(event, ReplyAudio):
                self._take_reply_audio(event)
            elif isinstance(event, PhraseAudio):
                self._take_phrase(event)
            elif isinstance(event, SessionResumable):
                self._sessions.resumable(event.handle)
            elif isinstance(event, SessionLeft):
                pass  # the core has ordered it
            else:
                self._decide(event)
        except Exception:  # the mailbox must outlive a bug in one event's handling
            log.exception("internal error while handling %s", type(event).__name__)
            self._timeline.report(
                "error",
                self._clock.monotonic(),
                {"kind": "internal", "detail": f"while handling {type(event).__name__}"},
            )

    def _tell_watcher(self, event: Event) -> None:
        """Whatever befalls who only counts, the core is told of the event."""
        try:
            self._watch(event)
        except Exception:
            log.exception("internal error while counting %s", type(event).__name__)

    def _start_uplink(self, command: StartUplink) -> None:
        self._undecided = False
        frame = command.from_frame
        self._ear.start_uplink(self._ear.frame if frame is None else frame)

    def _stop_uplink(self, command: StopUplink) -> None:
        self._undecided = command.undecided
        self._stops.append(command.discard)
        self._ear.stop_uplink()

    def _decide(self, event: Event) -> None:
        if isinstance(event, UplinkStopped) and self._stops:
            self._stops.popleft()
        if isinstance(event, _VERDICTS) and self._stops and not self._undecided:
            # It lay in the mailbox when the turn ended. Nothing of a later turn has been
            # sent yet: the ear has not even stopped.
            return
        if isinstance(event, LinkOpened):
            self._item_ms.clear()  # another session may give its items the same names
        commands = self._core.handle(event, self._clock.monotonic(), self._clock.wall())
        if isinstance(event, ReplyStarted) and self._core.wants_reply(event.reply_id):
            # Bound to the epoch of now: a later cut makes all of this reply stale.
            self._epochs[event.reply_id] = self._playback.epoch
            self._forget_old_replies()
        self.perform(commands)
        self._tell_ready_once()
        self._arm()

    def _tell_ready_once(self) -> None:
        if self._tell_ready is not None and self._core.started:
            tell, self._tell_ready = self._tell_ready, None
            tell(self._core.named_states)

    def _take_reply_audio(self, event: ReplyAudio) -> None:
        epoch = self._epochs.get(event.reply_id)
        if epoch is None:
            return
        self._playback.enqueue(epoch, event.reply_id, event.item_id, event.pcm)
        audio_ms = self._item_ms.get(event.item_id, 0.0) + len(event.pcm) / self._bytes_per_ms
        self._item_ms[event.item_id] = audio_ms
        self._decide(ReplyAudioReceived(event.reply_id, event.item_id, audio_ms))

    def _take_phrase(self, event: PhraseAudio) -> None:
        """What came too late to be said is not said."""
        if self._core.wants_phrase(event.phrase_id):
            epoch = self._playback.epoch
            self._playback.enqueue(epoch, event.phrase_id, "", event.pcm)
            self._playback.finish(epoch, event.phrase_id)

    def _cut(self, command: CutPlayback) -> None:
        self._playback.cut(command.reason)  # posts what was heard itself

    def _finish_reply(self, command: FinishReply) -> None:
        epoch = self._epochs.get(command.reply_id)
        if epoch is not None:
            self._playback.finish(epoch, command.reply_id)

    def _forget_old_replies(self) -> None:
        while len(self._epochs) > MOST_REPLIES:
            del self._epochs[next(iter(self._epochs))]
        while len(self._item_ms) > MOST_REPLIES:
            del self._item_ms[next(iter(self._item_ms))]

    def _report(self, command: Report) -> None:
        at = command.fields.get("at")
        self._timeline.report(
            command.event,
            at if isinstance(at, float) else self._clock.monotonic(),
            {k: v for k, v in command.fields.items() if k != "at"},
        )

    def perform(self, commands: list[Command]) -> None:
        """Carry out ``commands`` in order; also used for the core's last ones."""
        for command in commands:
            self._performers[type(command)](command)

    def _arm(self) -> None:
        """Keep one timer on the core's next deadline."""
        deadline = self._core.deadline
        if self._timer is not None:
            if deadline is not None and self._timer.when() == deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None and self._loop is not None:
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.handle(Tick())
