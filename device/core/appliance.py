"""The core of the appliance: every decision, no I/O. Owned by the loop thread.

Composes the conversation with the button's gestures, the timers, health and the light.
"""

from __future__ import annotations

from device.capabilities import Capabilities
from device.commands import (
    CloseCapture,
    Command,
    Cue,
    CutPlayback,
    Light,
    MaskOwnSound,
    OpenCapture,
    PlayCue,
    Report,
    SetVolume,
    ShowLight,
    ShowStatus,
    StartUplink,
    StopCue,
)
from device.core.conversation import Conversation
from device.core.gesture import ButtonGestures, ButtonReleased, Gesture
from device.core.health import Health
from device.core.indication import Appearance, light_for
from device.core.own_sounds import OwnSounds
from device.core.phases import Phase
from device.core.start_up import StartUp
from device.core.timers import Timers
from device.core.tools import Toolbox
from device.core.wake_actions import WAKE, wake_actions
from device.events import (
    ButtonEdge,
    ButtonHeld,
    ButtonPressed,
    CueFinished,
    ErrorKind,
    Event,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    Part,
    PartDegraded,
    PartReady,
    PlaybackStopped,
    PlaybackUnderrun,
    SettingsReloaded,
    SpeakerLocated,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    Tick,
    WakeDetected,
)
from device.settings import Settings

#: How long the light shows that something just went wrong.
ERROR_SHOWN_S = 3.0
#: These are told by a sound too: nobody may be looking.
_WORTH_A_CUE = frozenset({Part.MICROPHONE, Part.WAKE, Part.CONFIGURATION})
_FROM_THE_EAR = (WakeDetected, SpeechStarted, SpeechEnded)


class Appliance:
    """Everything the appliance knows about itself."""

    def __init__(
        self,
        settings: Settings,
        now: float,
        start_up: StartUp | None = None,
        *,
        able: Capabilities,
    ) -> None:
        """``start_up``: the parts that will tell of themselves; None: none is waited for.
        ``able``: what the service can do that is configured first."""
        self._settings = settings
        self._start_up = start_up or StartUp()
        self._gestures = ButtonGestures(settings.board.hold_ms, settings.board.debounce_ms)
        self._timers = Timers()
        self._health = Health(settings.service.provider, now)
        self._toolbox = Toolbox(self._timers, settings.audio.volume_percent, self._health.facts)
        self.conversation = Conversation(settings, self._toolbox, able)
        self._actions = wake_actions(settings.wake)
        self._running = True
        self._ring_sounds = False
        self._own_sounds = OwnSounds()
        self._masked = False
        self._error_until = float("-inf")
        self._reply_unheard = False  # there was no speaker for it
        self._wake_held_back: WakeDetected | None = None  # until the press under way is one
        self._light: Light | None = None
        self._status = ""

    @property
    def deadline(self) -> float | None:
        """When a Tick is wanted."""
        times = [
            self._gestures.deadline,
            self._timers.deadline,
            self.conversation.deadlines.next,
            self._own_sounds.deadline,
            self._start_up.deadline,
            self._error_until if self._error_until > float("-inf") else None,
        ]
        return min((t for t in times if t is not None), default=None)

    @property
    def started(self) -> bool:
        """Every part has told how it is, or is named as starting: READY may be told."""
        return self._start_up.over

    @property
    def named_states(self) -> tuple[str, ...]:
        """The degraded states by name, for READY and ``systemctl status``."""
        return self._health.named_states

    def wants_reply(self, reply_id: str) -> bool:
        """Whether the samples of this reply are to be played."""
        return self.conversation.wants_reply(reply_id)

    def wants_phrase(self, phrase_id: str) -> bool:
        """Whether this phrase, now spoken, is still to be played."""
        return self.conversation.wants_phrase(phrase_id)

    def begin(self, now: float) -> list[Command]:
        """The first commands after start."""
        opening = self.conversation.begin()
        return [SetVolume(self._toolbox.volume_percent), *opening, *self._indicate(now)]

    def end(self, now: float) -> list[Command]:
        """The last commands: everything silent, dark and closed."""
        self._running = False
        commands = self.conversation.abort(now, StopReason.ERROR)
        if self._ring_sounds:
            self._ring_sounds = False
            commands.append(StopCue(Cue.RING))
        return commands + self._indicate(now)

    def apply(self, settings: Settings) -> None:
        """Take the live settings into force (SIGHUP)."""
        self._settings = settings
        self._gestures.configure(settings.board.hold_ms, settings.board.debounce_ms)
        self.conversation.apply(settings)

    def handle(self, event: Event, now: float, wall: float) -> list[Command]:
        """What follows from ``event``."""
        # The next attempt that fails as the last one did is no news: the light says "offline".
        is_news = not (isinstance(event, LinkFailed) and event.kind is self._health.trouble)
        commands = self._decide(event, now, wall) + self._end_start_up(now)
        commands += self._stop_if_deaf(now)  # a reply may have ended without a microphone
        for command in commands:
            told = command.event if isinstance(command, Report) else command
            if told in ("no_connection", PlayCue(Cue.ERROR)) or (told == "error" and is_news):
                self._error_until = now + ERROR_SHOWN_S
        # Every closing edge of the button cuts, also one that is only bounce.
        was_cut = isinstance(event, ButtonEdge) and event.pressed
        commands += self._ring(was_cut)
        return self._mask(commands, now) + self._indicate(now)

    def _decide(self, event: Event, now: float, wall: float) -> list[Command]:
        match event:
            case Tick():
                return self._tick(now, wall)
            case ButtonEdge():
                return self._gesture_commands(self._gestures.edge(event), now, wall)
            case ButtonPressed():
                return self._press(event, now, wall)
            case ButtonHeld():
                return self._toggle_mute(now)
            case PartDegraded():
                return self._degrade(event, now)
            case PartReady():
                self._start_up.told(event)
                was_degraded = self._health.is_degraded(event.part)
                self._health.restore(event.part)
                return self._restored(event) if was_degraded else []
            case CueFinished():
                self._own_sounds.finished(event, now)
                return []
            case PlaybackUnderrun():
                fields = {"reply_id": event.reply_id, "at": event.at}
                return [Report("playback_underrun", fields), *self.conversation.doubt_line()]
            case SettingsReloaded():
                return [
                    Report(
                        "settings_reloaded",
                        {"live": list(event.live), "restart_needed": list(event.restart)},
                    )
                ]
            case _ if self._health.muted and isinstance(event, _FROM_THE_EAR):
                return []  # was on its way when the microphone closed
            case SpeakerLocated(azimuth, sure):
                return [Report("speaker_located", {"azimuth_deg": azimuth, "confidence": sure})]
            case WakeDetected(word=word) if self._actions.get(word, WAKE).stops:
                return self._stop_word(event, now)
            case WakeDetected() if self._gestures.undecided:
                return self._hold_back(event)
            case PlaybackStopped(reason=StopReason.ERROR):
                self._reply_unheard = self._health.is_degraded(Part.SPEAKER)
            case LinkOpened():
                self._health.trouble = None
                self._error_until = float("-inf")  # it is over
            case LinkFailed():
                self._health.trouble = event.kind
            case LinkClosed(kind=ErrorKind() as kind) if self.conversation.wants_link:
                self._health.trouble = kind
            case _:
                pass
        return self.conversation.handle(event, now, wall)

    def _tick(self, now: float, wall: float) -> list[Command]:
        if now >= self._error_until:
            self._error_until = float("-inf")
        self._own_sounds.tick(now)
        commands = self._gesture_commands(self._gestures.tick(now), now, wall)
        began, expired = self._timers.advance(now)
        for timer in began:
            fields: dict[str, object] = {"timer_id": timer.timer_id, "name": timer.name}
            commands.append(Report("timer_ringing", fields))
        for timer in expired:
            commands.append(
                Report("timer_stopped", {"timer_id": timer.timer_id, "reason": "nobody came"})
            )
        commands += self.conversation.tick(now)
        if self.conversation.link_overdue and self._health.trouble is None:
            self._health.trouble = ErrorKind.NETWORK
        return commands

    def _gesture_commands(self, gestures: list[Gesture], now: float, wall: float) -> list[Command]:
        commands: list[Command] = []
        for gesture in gestures:
            if isinstance(gesture, ButtonReleased):
                commands += self.conversation.release(now)
                wake, self._wake_held_back = self._wake_held_back, None
                if wake is not None:
                    commands += self._decide(wake, now, wall)
            else:
                commands += self._decide(gesture, now, wall)
        return commands

    def _stop_word(self, event: WakeDetected, now: float) -> list[Command]:
        """Ends all that is under way, as a press does, and begins nothing."""
        score = round(event.score, 3)
        if self.conversation.is_own_voice(event, now):
            return [Report("wake_suppressed", {"word": event.word, "score": score})]
        commands: list[Command] = [Report("stop_word", {"word": event.word, "score": score})]
        rang = self._timers.stop_ringing()
        commands += [
            Report("timer_stopped", {"timer_id": t.timer_id, "reason": "stop word"}) for t in rang
        ]
        if self.conversation.phase is not Phase.IDLE:
            commands += self.conversation.abort(now, StopReason.WAKE)
        return commands

    def _hold_back(self, event: WakeDetected) -> list[Command]:
        """A wake word while the button is down: nothing is sent before it is clear that the
        press does not mean mute. A press that listens sends all since the press anyway."""
        if self.conversation.phase is not Phase.LISTENING:
            self._wake_held_back = event
            return []
        fields: dict[str, object] = {
            "word": event.word,
            "score": round(event.score, 3),
            "reason": "the button is down",
        }
        return [Report("wake_suppressed", fields)]

    def _press(self, event: ButtonPressed, now: float, wall: float) -> list[Command]:
        """The rule: a press ends all that is under way (a ring, a reply, listening,
        waiting for a reply). Only when nothing is does it begin to listen, or say why
        it cannot. What sounded was cut by the press's edge, before this is called."""
        commands: list[Command] = [Report("button_pressed", {"at": event.at})]
        rang = self._timers.stop_ringing()
        commands += [
            Report("timer_stopped", {"timer_id": t.timer_id, "reason": "button"}) for t in rang
        ]
        if rang:
            return commands + self.conversation.abort(now, StopReason.BUTTON)
        if self._health.muted:
            commands += self.conversation.abort(now, StopReason.BUTTON)
            return [*commands, PlayCue(Cue.MUTED)]
        deaf = self._health.deaf
        if deaf is not None and self.conversation.would_listen(event):
            commands += self.conversation.abort(now, StopReason.BUTTON)
            return [*commands, _trouble(deaf), PlayCue(Cue.ERROR)]
        return commands + self.conversation.handle(event, now, wall)

    def _toggle_mute(self, now: float) -> list[Command]:
        self._health.muted = not self._health.muted
        self._wake_held_back = None
        # Who mutes has seen it, and wants to see that it is muted.
        self._error_until = float("-inf")
        if self._health.muted:
            commands = self.conversation.abort(now, StopReason.BUTTON)
            return [*commands, CloseCapture(), PlayCue(Cue.MUTED), Report("muted")]
        return [OpenCapture(), PlayCue(Cue.UNMUTED), Report("unmuted")]

    def _degrade(self, event: PartDegraded, now: float) -> list[Command]:
        self._start_up.told(event)
        self._health.degrade(event)
        if event.part is Part.MICROPHONE and self._health.muted:
            return []
        commands: list[Command] = [_trouble(event), *self._stop_if_deaf(now)]
        if event.part in _WORTH_A_CUE:
            commands.append(PlayCue(Cue.ERROR))
        return commands

    def _restored(self, event: PartReady) -> list[Command]:
        """A part works again. The speaker tells of the reply that was lost without it."""
        self._error_until = float("-inf")
        commands: list[Command] = [
            Report("part_ready", {"part": event.part.value, "detail": event.detail})
        ]
        if event.part is Part.SPEAKER and self._reply_unheard:
            self._reply_unheard = False
            commands.append(PlayCue(Cue.ERROR))
        return commands

    def _end_start_up(self, now: float) -> list[Command]:
        """What has not told of itself in time is starting: a state with a name, no error."""
        starting = self._start_up.advance(now)
        commands: list[Command] = []
        for event in starting:
            self._health.degrade(event)
            commands.append(Report("part_degraded", _trouble(event).fields))
        return commands + (self._stop_if_deaf(now) if starting else [])

    def _stop_if_deaf(self, now: float) -> list[Command]:
        waits_for_speech = self.conversation.phase in (Phase.LISTENING, Phase.FOLLOW_UP)
        if waits_for_speech and self._health.deaf is not None:
            return self.conversation.abort(now, StopReason.ERROR)
        return []

    def _ring(self, was_cut: bool) -> list[Command]:
        """The ring sounds while a timer rings and nobody is being listened to or answered."""
        wanted = self._timers.ringing and self.conversation.phase in (Phase.IDLE, Phase.FOLLOW_UP)
        if wanted == self._ring_sounds and not (wanted and was_cut):
            return []
        self._ring_sounds = wanted
        return [PlayCue(Cue.RING)] if wanted else [StopCue(Cue.RING)]

    def _mask(self, commands: list[Command], now: float) -> list[Command]:
        """``commands``, and what keeps our own cues from being taken for speech.

        Who opens the uplink by voice is speaking now: then the cue is cut and its echo
        let pass, for masking would take the person's words. Any other sound of ours is
        masked while somebody could be heard.
        """
        begun = next((c for c in commands if isinstance(c, StartUplink)), None)
        by_voice = begun is not None and begun.from_frame is not None and begun.from_frame >= 0
        if by_voice and self._own_sounds.sounding:
            commands = [CutPlayback(StopReason.WAKE), *commands]
            self._own_sounds.forget()
        for command in commands:
            self._own_sounds.command(command, now)
        open_to_speech = self.conversation.phase in (Phase.LISTENING, Phase.FOLLOW_UP)
        wanted = open_to_speech and self._own_sounds.sounding
        if wanted == self._masked:
            return commands
        self._masked = wanted
        return [*commands, MaskOwnSound(wanted)]

    def _indicate(self, now: float) -> list[Command]:
        conversation = self.conversation
        light = light_for(
            Appearance(
                running=self._running,
                listening=conversation.uplink_open,
                ringing=self._timers.ringing,
                error=now < self._error_until,
                muted=self._health.muted,
                speaking=conversation.phase is Phase.SPEAKING,
                thinking=conversation.phase is Phase.THINKING,
                degraded=self._health.degraded,
                offline=self._health.trouble is not None or conversation.waits_for_link(now),
            )
        )
        commands: list[Command] = []
        if light is not self._light:
            self._light = light
            commands += [ShowLight(light), Report("light", {"pattern": light.value})]
        status = self._health.status_line(conversation.phase)
        if status != self._status:
            self._status = status
            commands.append(ShowStatus(status))
        return commands


def _trouble(event: PartDegraded) -> Report:
    fields: dict[str, object] = {
        "kind": event.part.value,
        "state": event.state,
        "detail": event.detail,
        "hint": event.hint,
    }
    return Report("error", fields)
